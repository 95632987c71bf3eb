// Properties that hold for every text: round trips, streaming, and the fast BPE against its definition.

#include "base/rng.h"
#include "base/strings.h"
#include "text/byte_alphabet.h"
#include "text/subword/merge_symbols.h"
#include "text/utf8.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using Ids = std::vector<TokenId>;

// A byte-level tokenizer whose only tokens are bytes and some pairs.
std::unique_ptr<Tokenizer> byte_level_tokenizer() {
  Json vocab = {{"<s>", 0}}, merges = Json::array();
  for (int byte = 0; byte < 256; ++byte) vocab[byte_character(static_cast<unsigned char>(byte))] = byte + 1;
  int id = 257;
  for (const char* merge : {"Ġ a", "a b", "ab c", "Ã ©", "ð Ł", "ðŁ ¦", "ï ¿", "ï¿ ½"}) {
    std::string merged = merge;
    merged.erase(merged.find(' '), 1);
    vocab[merged] = id++;
    merges.push_back(merge);
  }
  return test::tokenizer_of({{"added_tokens", {{{"id", 0}, {"content", "<s>"}, {"special", true}}}},
                             {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                             {"decoder", {{"type", "ByteLevel"}}},
                             {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}});
}

// As the Llama family has it: leading space, byte fallback, strip on decoding.
std::unique_ptr<Tokenizer> byte_fallback_tokenizer() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = byte + 3;
  int id = 259;
  for (const char* token : {"▁", "a", "b", "é", "\uFFFD", "▁a", "▁▁"}) vocab[token] = id++;
  const Json space = {{"String", " "}}, mark = {{"String", "▁"}};
  return test::tokenizer_of({{"added_tokens",
                              {{{"id", 1}, {"content", "<s>"}, {"special", true}},
                               {{"id", 2}, {"content", "</s>"}, {"special", true}}}},
                             {"normalizer",
                              {{"type", "Sequence"},
                               {"normalizers",
                                {{{"type", "Prepend"}, {"prepend", "▁"}},
                                 {{"type", "Replace"}, {"pattern", space}, {"content", "▁"}}}}}},
                             {"decoder",
                              {{"type", "Sequence"},
                               {"decoders",
                                {{{"type", "Replace"}, {"pattern", mark}, {"content", " "}},
                                 {{"type", "ByteFallback"}},
                                 {{"type", "Fuse"}},
                                 {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
                             {"model",
                              {{"type", "BPE"},
                               {"unk_token", "<unk>"},
                               {"fuse_unk", true},
                               {"byte_fallback", true},
                               {"vocab", vocab},
                               {"merges", {"▁ a", "▁ ▁"}}}}});
}

std::string random_text(Rng& rng) {
  static const std::vector<std::string> atoms = {"a",  "b", "abc",    " ",        "  ",
                                                 "\n", "é", "漢",     "🦙",     "👩‍👩‍👧",
                                                 "1",  "!", "\uFFFD", "\u10FFF0", "'s"};
  std::string text;
  for (uint64_t i = rng.below(20); i > 0; --i) {
    if (rng.chance(0.8))
      text += rng.pick(atoms);
    else {
      const auto c = static_cast<char32_t>(rng.below(0x110000));
      if (c < 0xD800 || c >= 0xE000) append_character(text, c);
    }
  }
  return text;
}

TEST(RoundTrip, any_text_comes_back) {
  Rng rng(1);
  const auto byte_level = byte_level_tokenizer(), byte_fallback = byte_fallback_tokenizer();
  for (int round = 0; round < 2000; ++round) {
    const std::string text = random_text(rng);
    EXPECT_EQ(byte_level->decode(byte_level->encode(text)), text);
    EXPECT_EQ(byte_fallback->decode(byte_fallback->encode(text)), text);
  }
}

TEST(RoundTrip, any_bytes_come_back_with_malformed_ones_replaced) {
  Rng rng(2);
  const auto byte_level = byte_level_tokenizer(), byte_fallback = byte_fallback_tokenizer();
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (uint64_t i = rng.below(20); i > 0; --i) bytes.push_back(static_cast<char>(rng.below(256)));
    const Ids ids = byte_level->encode(bytes);
    std::string kept;  // byte-level ids still say every byte
    for (const TokenId id : ids) append_spelled_bytes(byte_level->token(id), kept);
    EXPECT_EQ(kept, bytes);
    EXPECT_EQ(byte_level->decode(ids), to_utf8(bytes));
    EXPECT_EQ(byte_fallback->decode(byte_fallback->encode(bytes)), to_utf8(bytes));
  }
}

std::string stream(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (const TokenId id : ids) {
    const std::string part = decoder.push(id);
    EXPECT_TRUE(is_utf8(part));
    text += part;
  }
  return text + decoder.finish();
}

TEST(StreamDecoder, gives_what_decode_gives) {
  Rng rng(3);
  const auto byte_level = byte_level_tokenizer(), byte_fallback = byte_fallback_tokenizer();
  for (int round = 0; round < 2000; ++round) {
    // Special tokens between texts, as a model may write them; each text gets a leading space of its own.
    const std::string text = random_text(rng) + (rng.chance(0.3) ? "<s>" : "") + random_text(rng);
    for (const Tokenizer* tokenizer : {byte_level.get(), byte_fallback.get()}) {
      const Ids ids = tokenizer->encode(text);
      EXPECT_EQ(stream(*tokenizer, ids), tokenizer->decode(ids)) << "text: '" << text << "'";
    }
  }
}

TEST(StreamDecoder, holds_an_incomplete_character_back_and_no_more) {
  const auto tokenizer = byte_level_tokenizer();
  StreamDecoder decoder(*tokenizer);
  const auto push = [&](unsigned char byte) { return decoder.push(byte + 1); };
  EXPECT_EQ(push('x'), "x");
  EXPECT_EQ(push(0xF0), "");
  EXPECT_EQ(push(0x9F), "");
  EXPECT_EQ(push(0xA6), "");
  EXPECT_EQ(push(0x99), "🦙");
  EXPECT_EQ(push('y'), "y");
  EXPECT_EQ(push(0xC3), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(push('z'), "z");
}

TEST(StreamDecoder, malformed_output_neither_fails_nor_is_held_back_for_ever) {
  Rng rng(4);
  const auto byte_level = byte_level_tokenizer(), byte_fallback = byte_fallback_tokenizer();
  for (const Tokenizer* tokenizer : {byte_level.get(), byte_fallback.get()}) {
    Ids ids;
    for (int i = 0; i < 1000; ++i)
      ids.push_back(static_cast<TokenId>(rng.below(static_cast<uint64_t>(tokenizer->vocabulary()))));
    EXPECT_FALSE(stream(*tokenizer, ids).empty());
    StreamDecoder decoder(*tokenizer);
    std::string text;
    for (int i = 0; i < 1000; ++i)
      text += decoder.push(*tokenizer->find(tokenizer == byte_level.get() ? "ÿ" : "<0xFF>"));
    EXPECT_FALSE(text.empty());
  }
}

// The definition: look for the lowest rank from left to right, merge it, begin again.
Ids naive_merge(Ids symbols, const MergeTable& merges) {
  while (true) {
    const Merge* best = nullptr;
    size_t place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Merge* merge = merges.find(symbols[i], symbols[i + 1]);
      if (merge != nullptr && (best == nullptr || merge->rank < best->rank)) {
        best = merge;
        place = i;
      }
    }
    if (best == nullptr) return symbols;
    symbols[place] = best->result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(MergeSymbols, equals_the_definition_on_random_merges) {
  Rng rng(5);
  for (int round = 0; round < 500; ++round) {
    // Tokens 0-3 are letters; each merge makes a new token of two earlier ones.
    const int count = 1 + static_cast<int>(rng.below(40));
    MergeTable merges(static_cast<size_t>(count));
    std::vector<int> ranks(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) ranks[static_cast<size_t>(i)] = i;
    if (rng.chance(0.5)) rng.shuffle(ranks);
    for (int i = 0; i < count; ++i) {
      const auto earlier = static_cast<uint64_t>(4 + i);
      merges.set(static_cast<TokenId>(rng.below(earlier)), static_cast<TokenId>(rng.below(earlier)),
                 {ranks[static_cast<size_t>(i)], 4 + i});
    }
    for (int word = 0; word < 5; ++word) {
      Ids symbols;
      for (uint64_t i = rng.below(60); i > 0; --i) symbols.push_back(static_cast<TokenId>(rng.below(4)));
      Ids fast = symbols;
      merge_symbols(fast, merges);
      EXPECT_EQ(fast, naive_merge(symbols, merges));
    }
  }
}

TEST(MergeSymbols, a_million_symbols_without_a_cut_are_no_trouble) {
  MergeTable merges(3);
  merges.set(0, 0, {0, 1});
  merges.set(1, 1, {1, 2});
  merges.set(2, 2, {2, 3});
  Ids symbols(1 << 20, 0);
  merge_symbols(symbols, merges);
  EXPECT_EQ(symbols, Ids(1 << 17, 3));
}

}  // namespace
}  // namespace coppice
