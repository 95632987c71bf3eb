// What a cache keeps: every position, those that a window sees, or the last inputs of a convolution.

#include "model/kv_cache.h"

#include <gmock/gmock.h>

#include "base/parallel.h"
#include "model/decoder.h"
#include "model/numeric_model.h"
#include "support.h"

namespace coppice {
namespace {

ModelSpec with_mixers(std::vector<MixerSpec> mixers) {
  ModelSpec spec{.vocabulary = 30, .width = 12, .context = 400};
  for (const auto& mixer : mixers) spec.blocks.push_back({mixer, DenseFfnSpec{.width = 8}});
  return spec;
}

AttentionSpec attention(int64_t window) {
  return {.heads = 2, .kv_heads = 1, .head_dim = 6, .window = window};
}

// Logits of all tokens, given in pieces of the sizes that `next` tells.
template <class Next>
std::vector<float> in_pieces(Decoder& decoder, std::span<const int32_t> tokens, KvCache& cache,
                             const Next& next) {
  std::vector<float> all;
  for (size_t begin = 0; begin < tokens.size();) {
    const size_t count = std::min<size_t>(next(), tokens.size() - begin);
    const Decoder::Input input{.tokens = tokens.subspan(begin, count), .cache = &cache, .all_logits = true};
    const auto logits = decoder.forward({&input, 1});
    all.insert(all.end(), logits.begin(), logits.end());
    begin += count;
  }
  return all;
}

std::vector<float> at_once(Decoder& decoder, std::span<const int32_t> tokens) {
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  return decoder.forward({&input, 1});
}

TEST(Cache, WindowsKeepWhatTheySeeAndChangeNoBit) {
  for (const int64_t window : {1, 2, 3, 17, 64, 200, 399}) {
    const ModelSpec spec = with_mixers({attention(window), attention(0), attention(window)});
    const test::NumericModel model(spec, static_cast<uint64_t>(window));
    Decoder decoder(model.open());
    Rng rng(7);
    const auto tokens = test::random_tokens(spec, 400, rng);
    const auto whole = at_once(decoder, tokens);
    for (const uint64_t largest : {1, 3, 40, 150}) {
      const auto cache = decoder.new_cache();
      EXPECT_EQ(in_pieces(decoder, tokens, *cache, [&] { return 1 + rng.below(largest); }), whole)
          << window << ", pieces up to " << largest;
      EXPECT_EQ(cache->length(), 400);
    }
  }
}

TEST(Cache, BytesOfAWindowDoNotGrowWithTheSequence) {
  const int64_t window = 20, row = 2 * 16 * 4;  // a key and a value of one position, padded to 16 elements
  const int64_t most = 2 * 64 * row;            // a window may lie in two pages of 64
  const ModelSpec spec = with_mixers({attention(window)});
  const test::NumericModel model(spec, 1);
  Decoder decoder(model.open());
  Rng rng(8);
  const auto tokens = test::random_tokens(spec, 400, rng);
  const auto small = decoder.new_cache();
  in_pieces(decoder, tokens, *small, [] { return 1; });
  EXPECT_LE(small->bytes(), most);
  // A long prompt needs more at once, and gives it back.
  const auto large = decoder.new_cache();
  size_t next = 300;
  in_pieces(decoder, std::span(tokens).first(300), *large, [&] { return next; });
  EXPECT_GE(large->bytes(), 300 * row);
  next = 1;
  in_pieces(decoder, std::span(tokens).last(100), *large, [&] { return next; });
  EXPECT_LE(large->bytes(), most);
  // Without a window every position is kept.
  const ModelSpec full_spec = with_mixers({attention(0)});
  const test::NumericModel full_model(full_spec, 1);
  Decoder full(full_model.open());
  const auto all = full.new_cache();
  in_pieces(full, tokens, *all, [] { return 1; });
  EXPECT_GE(all->bytes(), 400 * row);
}

TEST(Cache, AShortConvolutionKeepsItsLastInputsOnly) {
  for (const int64_t kernel : {1, 2, 3, 9}) {
    const ModelSpec spec = with_mixers({ShortConvSpec{.kernel_size = kernel}, attention(0),
                                        ShortConvSpec{.kernel_size = kernel, .bias = true}});
    const test::NumericModel model(spec, static_cast<uint64_t>(kernel));
    Decoder decoder(model.open());
    Rng rng(9);
    const auto tokens = test::random_tokens(spec, 60, rng);
    const auto whole = at_once(decoder, tokens);
    EXPECT_LT(test::relative_difference(whole, model.reference_logits(tokens)), 1e-5);
    for (const uint64_t largest : {1, 2, 5, 20}) {
      const auto cache = decoder.new_cache();
      EXPECT_EQ(in_pieces(decoder, tokens, *cache, [&] { return 1 + rng.below(largest); }), whole)
          << kernel << ", pieces up to " << largest;
    }
  }
  const ModelSpec alone = with_mixers({ShortConvSpec{.kernel_size = 4}});
  KvCache cache(alone);
  EXPECT_EQ(cache.bytes(), 2 * 3 * 12 * 4);
  cache.reserve(100);
  cache.advance(std::vector<int32_t>(100));
  EXPECT_EQ(cache.bytes(), 2 * 3 * 12 * 4);
}

// A whole sequence that nothing continues needs the memory of one layer of each kind, and gives what layers with memory of
// their own give.
TEST(Cache, OnePassNeedsOneLayersMemory) {
  const LatentAttentionSpec latent{
      .heads = 2, .latent_rank = 5, .plain_dim = 4, .rotary_dim = 4, .value_dim = 3};
  const ShortConvSpec conv{.kernel_size = 3};
  const std::vector<MixerSpec> kinds = {attention(0), latent, conv, attention(4)};
  std::vector<MixerSpec> mixers;
  for (int i = 0; i < 12; ++i) mixers.push_back(kinds[static_cast<size_t>(i % 4)]);
  const test::NumericModel model(with_mixers(mixers), 16);
  Decoder decoder(model.open());
  Rng rng(16);
  const auto tokens = test::random_tokens(model.spec(), 60, rng);
  const auto cache = decoder.new_cache();
  const auto want = in_pieces(decoder, tokens, *cache, [] { return 60; });
  EXPECT_EQ(at_once(decoder, tokens), want);

  KvCache all(with_mixers(mixers)), each(with_mixers(kinds)), once(with_mixers(mixers), {.one_pass = true});
  for (KvCache* own : {&all, &each, &once}) own->reserve(60);
  EXPECT_EQ(once.layers(), 12);
  EXPECT_EQ(once.bytes(), each.bytes());
  EXPECT_GT(all.bytes(), 2 * each.bytes());
  // No more is taken than that.
  decoder.set_kv_options({.pool = std::make_shared<PagePool>(each.bytes())});
  EXPECT_EQ(at_once(decoder, tokens), want);
  const auto limited = decoder.new_cache();
  EXPECT_THROW(in_pieces(decoder, tokens, *limited, [] { return 60; }), Error);
}

// Contexts that are split into spans, over threads or not.
TEST(Cache, LongContextsAreOneWhateverTheirPieces) {
  ModelSpec spec = with_mixers({attention(0), attention(600)});
  spec.context = 1400;
  const test::NumericModel model(spec, 15);
  Decoder decoder(model.open());
  Rng rng(15);
  const auto tokens = test::random_tokens(spec, 1400, rng);
  const int threads = thread_count();
  set_threads(1);
  const auto whole = at_once(decoder, tokens);
  EXPECT_LT(test::relative_difference(whole, model.reference_logits(tokens)), 1e-5);
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    const auto cache = decoder.new_cache();
    EXPECT_EQ(in_pieces(decoder, tokens, *cache, [&] { return rng.chance(0.7) ? 1 : 1 + rng.below(300); }),
              whole)
        << count;
  }
  set_threads(threads);
}

// Taking positions back and reading others is as if those had never been, in every kind of state.
TEST(Cache, TruncatedIsAsIfNeverRead) {
  const LatentAttentionSpec latent{
      .heads = 2, .latent_rank = 12, .plain_dim = 6, .rotary_dim = 4, .value_dim = 5};
  const ModelSpec spec =
      with_mixers({attention(0), attention(70), ShortConvSpec{.kernel_size = 4}, latent, attention(3)});
  const test::NumericModel model(spec, 6);
  Decoder decoder(model.open());
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Rng rng(seed);
    const int64_t rollback = 1 + static_cast<int64_t>(rng.below(8));
    const auto cache = decoder.new_cache({.rollback = rollback});
    std::vector<int32_t> text;
    std::vector<float> last;
    int64_t floor = 0;  // nothing before a truncation's end can be taken back
    while (text.size() < 300) {
      const auto more =
          test::random_tokens(spec, 1 + static_cast<int64_t>(rng.below(seed % 3 == 0 ? 90 : 9)), rng);
      const Decoder::Input input{.tokens = more, .cache = cache.get()};
      last = decoder.forward({&input, 1});
      text.insert(text.end(), more.begin(), more.end());
      if (text.size() >= 300) break;
      const auto back = std::min<int64_t>(rollback, static_cast<int64_t>(rng.below(more.size() + 1)));
      ASSERT_LE(cache->least_length(), std::max(floor, cache->length() - rollback));
      cache->truncate(cache->length() - back);
      text.resize(text.size() - static_cast<size_t>(back));
      floor = cache->length();
    }
    const Decoder::Input whole{.tokens = text};
    EXPECT_EQ(last, decoder.forward({&whole, 1})) << seed;
  }
}

// Copies go their own ways from pages that they share.
TEST(Cache, CopiesShareUntilTheyWrite) {
  const ModelSpec spec = with_mixers({attention(0), ShortConvSpec{.kernel_size = 3}, attention(100)});
  const test::NumericModel model(spec, 7);
  Decoder decoder(model.open());
  Rng rng(12);
  const auto pool = std::make_shared<PagePool>();
  const auto begin = test::random_tokens(spec, 150, rng);
  const auto first = decoder.new_cache({.pool = pool});
  in_pieces(decoder, begin, *first, [] { return 64; });
  const int64_t alone = pool->lent();
  KvCache second(*first);
  EXPECT_EQ(pool->lent(), alone);
  const auto mine = test::random_tokens(spec, 60, rng), yours = test::random_tokens(spec, 60, rng);
  std::vector<float> got[2];
  for (size_t i = 0; i < 60; i += 20) {
    for (const bool of_second : {false, true}) {
      auto& cache = of_second ? second : *first;
      const auto part = std::span(of_second ? yours : mine).subspan(i, 20);
      EXPECT_EQ(cache.bytes_to_grow(20) > 0,
                (i == 0 && !of_second) || i == 40);  // a shared page is copied, a new one begins
      const auto logits = in_pieces(decoder, part, cache, [] { return 7; });
      got[of_second].insert(got[of_second].end(), logits.begin(), logits.end());
    }
  }
  for (const bool of_second : {false, true}) {
    auto text = begin;
    for (const int32_t id : of_second ? yours : mine) text.push_back(id);
    const auto whole = at_once(decoder, text);
    EXPECT_EQ(got[of_second], std::vector<float>(whole.begin() + 150 * spec.vocabulary, whole.end()));
  }
  EXPECT_LT(pool->lent(), 2 * alone + 4 * 64 * 2 * 16 * 4);
}

TEST(Cache, RoundedTypesAreNearTheExactOne) {
  const ModelSpec spec = with_mixers({attention(0), attention(90), attention(0)});
  const test::NumericModel model(spec, 8);
  Decoder decoder(model.open());
  Rng rng(13);
  const auto tokens = test::random_tokens(spec, 200, rng);
  const auto exact = at_once(decoder, tokens);
  const std::vector<double> want(exact.begin(), exact.end());
  const std::pair<KvType, double> bounds[] = {
      {KvType::f32, 1e-12}, {KvType::f16, 1e-3}, {KvType::bf16, 3e-2}, {KvType::q8, 2e-1}};
  int64_t bytes = 1 << 30;
  for (const auto& [type, bound] : bounds) {
    decoder.set_kv_options({.type = type});
    const auto whole = at_once(decoder, tokens);
    EXPECT_LT(test::relative_difference(whole, want), bound) << to_string(type);
    EXPECT_EQ(type == KvType::f32, whole == exact) << to_string(type);
    const auto cache = decoder.new_cache();
    EXPECT_EQ(in_pieces(decoder, tokens, *cache, [&] { return 1 + rng.below(30); }), whole)
        << to_string(type);
    EXPECT_LE(cache->bytes(), bytes);
    bytes = cache->bytes();
  }
}

TEST(Cache, LatentAttentionKeepsF32OrBf16) {
  const ModelSpec spec = with_mixers(
      {LatentAttentionSpec{.heads = 2, .latent_rank = 12, .plain_dim = 6, .rotary_dim = 4, .value_dim = 5}});
  const test::NumericModel model(spec, 9);
  Decoder decoder(model.open());
  Rng rng(14);
  const auto tokens = test::random_tokens(spec, 50, rng);
  const auto exact = at_once(decoder, tokens);
  decoder.set_kv_options({.type = KvType::bf16});
  EXPECT_LT(
      test::relative_difference(at_once(decoder, tokens), std::vector<double>(exact.begin(), exact.end())),
      1e-2);
  EXPECT_NE(
      test::error_of([&] { decoder.set_kv_options({.type = KvType::q8}); }, Fault::usage).find("f32 or bf16"),
      std::string::npos);
}

TEST(Cache, APoolLendsNoMoreThanItHas) {
  PagePool pool(1000);
  auto first = pool.take(600);
  EXPECT_THROW(pool.take(500), Error);
  EXPECT_EQ(pool.lent(), 600);
  first.get()[5] = std::byte{1};
  first = nullptr;
  EXPECT_EQ(pool.lent(), 0);
  const auto second = pool.take(600);  // the same memory, cleared
  EXPECT_EQ(second.get()[5], std::byte{0});
  const auto third = pool.take(400);
  EXPECT_EQ(pool.lent(), 1000);
}

// A pass that ends in an Error leaves every state as it was.
TEST(Cache, AFailedPassLeavesNoTrace) {
  const ModelSpec spec = with_mixers({ShortConvSpec{.kernel_size = 3}, attention(2)});
  const test::NumericModel model(spec, 4);
  Decoder decoder(model.open());
  Rng rng(10);
  const auto tokens = test::random_tokens(spec, 12, rng);
  const auto whole = at_once(decoder, tokens);
  const auto cache = decoder.new_cache();
  auto all = in_pieces(decoder, std::span(tokens).first(7), *cache, [] { return 7; });
  const std::vector<int32_t> others = {1, 2, 3, 4};
  const Decoder::Input input{.tokens = others, .cache = cache.get()};
  struct Stop {};
  EXPECT_THROW(decoder.forward({&input, 1},
                               [](const std::string& name, int64_t, int64_t, const float*) {
                                 if (name == "norm") throw Stop();
                               }),
               Stop);
  EXPECT_EQ(cache->length(), 7);
  const auto rest = in_pieces(decoder, std::span(tokens).last(5), *cache, [] { return 2; });
  all.insert(all.end(), rest.begin(), rest.end());
  EXPECT_EQ(all, whole);
}

TEST(Cache, SequencesInABatchKeepTheirOwn) {
  const ModelSpec spec = with_mixers({ShortConvSpec{.kernel_size = 4}, attention(3)});
  const test::NumericModel model(spec, 5);
  Decoder decoder(model.open());
  Rng rng(11);
  std::vector<std::vector<int32_t>> sequences;
  std::vector<std::vector<float>> want, got(3);
  std::vector<std::unique_ptr<KvCache>> caches;
  for (const int64_t length : {5, 23, 50}) {
    sequences.push_back(test::random_tokens(spec, length, rng));
    want.push_back(at_once(decoder, sequences.back()));
    caches.push_back(decoder.new_cache());
  }
  std::vector<size_t> done(3);
  for (size_t step = 0; done[2] < sequences[2].size(); ++step) {
    std::vector<Decoder::Input> inputs;
    std::vector<size_t> who;
    for (size_t i = 0; i < 3; ++i) {
      const size_t count = std::min(1 + (step + i) % 4, sequences[i].size() - done[i]);
      if (count == 0) continue;
      inputs.push_back({std::span(sequences[i]).subspan(done[i], count), caches[i].get(), true});
      who.push_back(i);
      done[i] += count;
    }
    const auto logits = decoder.forward(inputs);
    auto at = logits.begin();
    for (size_t i = 0; i < who.size(); ++i) {
      const auto end = at + static_cast<std::ptrdiff_t>(inputs[i].tokens.size()) * spec.vocabulary;
      got[who[i]].insert(got[who[i]].end(), at, end);
      at = end;
    }
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(got[i], want[i]) << i;
}

}  // namespace
}  // namespace coppice
