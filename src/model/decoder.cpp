#include "model/decoder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/profile.h"
#include "kernels/isa.h"
#include "model/attention.h"
#include "model/cross_attention.h"
#include "model/expert_store.h"
#include "model/latent_attention.h"
#include "model/moe.h"
#include "model/norm.h"
#include "model/sentence/pooling.h"
#include "model/short_conv.h"
#include "text/routing_vocabulary.h"

namespace coppice {
namespace {

using MixerPart = std::variant<Attention, LatentAttention, ShortConv>;
using FfnPart = std::variant<DenseFfn, Moe>;

struct Block {
  NormPlacement placement;
  Norm mixer_norm, ffn_norm, mixer_output_norm, ffn_output_norm;
  MixerPart mixer;
  FfnPart ffn;
  Norm cross_norm;
  std::optional<CrossAttention> cross;

  // What the feed-forward's input goes through; nullptr: it is the residual stream.
  const Norm* feed_norm() const {
    switch (placement) {
      case NormPlacement::pre:
      case NormPlacement::sandwich:
        return &ffn_norm;
      case NormPlacement::parallel:
        return &mixer_norm;
      case NormPlacement::post:
      case NormPlacement::post_sum:
        return nullptr;
    }
    COPPICE_CHECK(false, "every placement has an input");
  }
};

struct MixerLoader {
  WeightStore& weights;
  std::string prefix;
  double norm_epsilon;
  RopeTables& ropes;
  MixerPart operator()(const AttentionSpec& spec) const {
    return Attention(spec, norm_epsilon, weights, prefix + "self_attn.", ropes);
  }
  MixerPart operator()(const LatentAttentionSpec& spec) const {
    return LatentAttention(spec, weights, prefix + "self_attn.", ropes);
  }
  MixerPart operator()(const ShortConvSpec& spec) const { return ShortConv(spec, weights, prefix + "conv."); }
};

struct FfnLoader {
  WeightStore& weights;
  ExpertStore& experts;
  std::string prefix;
  FfnPart operator()(const DenseFfnSpec& spec) const { return DenseFfn(spec, weights, prefix); }
  FfnPart operator()(const MoeSpec& spec) const { return Moe(spec, weights, experts, prefix); }
};

// Of a model without one, one without entries.
RoutingVocabulary read_routing_vocabulary(const ModelFiles& files) {
  const auto& spec = files.spec().routing_vocabulary;
  if (!spec) return {};
  const std::string name = "model.routing_vocabulary";
  return {files.tensor(name).to_integers(), spec->longest, files.spec().vocabulary,
          files.path().string() + ": " + name};
}

}  // namespace

struct Decoder::State {
  State(std::shared_ptr<const ModelFiles> files, WeightType type, PackWhen when, const ExpertMemory& memory)
      : spec(files->spec()),
        words(read_routing_vocabulary(*files)),
        weights(std::move(files), type, when),
        experts(weights, type, when, memory) {
    const bool multiplied = spec.head != HeadKind::none && spec.tied_embeddings;
    embedding =
        multiplied ? weights.matrix("model.embed_tokens.weight") : weights.table("model.embed_tokens.weight");
    if (spec.learned_positions) positions = weights.table("model.embed_positions.weight");
    if (spec.token_types > 0) token_types = weights.table("model.embed_token_types.weight");
    if (spec.embedding_norm) embedding_norm = Norm(spec, weights, "model.embed_norm");
    if (spec.encoder) {
      load_blocks(encoder, spec.encoder->blocks, "model.encoder.");
      if (spec.final_norm) encoder_norm = Norm(spec, weights, "model.encoder.norm");
    }
    load_blocks(blocks, spec.blocks, "model.");
    add_load(encoder, "encoder.");
    add_load(blocks, "");
    if (spec.final_norm) final_norm = Norm(spec, weights, "model.norm");
    if (spec.pooler) {
      pooler = weights.matrix("model.pooler.weight");
      pooler_bias = weights.vector("model.pooler.bias");
    }
    if (spec.head != HeadKind::none) load_head();
  }

  void load_head() {
    const bool classifies = spec.head == HeadKind::classifier;
    const std::string name = classifies ? "classifier" : "lm_head";
    if (classifies || spec.head == HeadKind::masked) {
      head_dense = weights.matrix(name + ".dense.weight");
      if (spec.head_dense_bias) head_dense_bias = weights.vector(name + ".dense.bias");
      if (!classifies || spec.head_norm) head_norm = Norm(spec, weights, name + ".norm");
    }
    head = spec.tied_embeddings ? embedding : weights.matrix(name + ".weight");
    if (spec.head_bias) head_bias = weights.vector(name + ".bias");
  }

  void load_blocks(std::vector<Block>& into, const std::vector<BlockSpec>& specs, const std::string& stack) {
    RelativeBiases biases;
    for (size_t i = 0; i < specs.size(); ++i) {
      const std::string prefix = fmt::format("{}layers.{}.", stack, i);
      const NormNames norms = norm_names(specs[i].norms);
      const auto norm = [&](const std::string& name) {
        return name.empty() ? Norm() : Norm(spec, weights, prefix + name);
      };
      into.push_back({specs[i].norms, specs[i].mixer_norm ? norm(norms.mixer) : Norm(), norm(norms.ffn),
                      norm(norms.mixer_output), norm(norms.ffn_output),
                      std::visit(MixerLoader{weights, prefix, spec.norm_epsilon, ropes}, specs[i].mixer),
                      std::visit(FfnLoader{weights, experts, prefix + "mlp."}, specs[i].ffn), Norm(),
                      std::nullopt});
      Block& block = into.back();
      if (auto* attention = std::get_if<Attention>(&block.mixer))
        attention->set_relative_bias(biases.get(specs[i], i, weights, prefix + "self_attn."));
      if (const auto& cross = specs[i].cross_attention) {
        block.cross_norm = Norm(spec, weights, prefix + "cross_attention_layernorm");
        block.cross.emplace(*cross, weights, prefix + "cross_attn.");
      }
    }
  }

  void add_load(const std::vector<Block>& stack, const std::string& name) {
    for (size_t i = 0; i < stack.size(); ++i)
      if (const auto* moe = std::get_if<Moe>(&stack[i].ffn))
        load.push_back(
            {static_cast<int64_t>(i), std::vector<int64_t>(static_cast<size_t>(moe->experts())), name});
  }

  void check_tokens(std::span<const int32_t> tokens, int64_t past) const;
  void check_texts(const Input& input) const;
  void check(std::span<const Input> inputs) const;
  // Sets the routing id of every row: by the tokens up to it, or by the whole sequences.
  void find_words(Pass& pass, std::span<const Input> inputs, bool causal) const;
  void embed(const Pass& pass, std::span<const Input> inputs, float* x) const;
  void run_blocks(Pass& pass, std::vector<Block>& stack, std::vector<float>& x, std::vector<float>& normed,
                  std::vector<float>& y, std::span<const int64_t> wanted);
  // Tells the store what the first mixture of `stack` from block `next` on would use if it came now. The residual stream
  // changes little from layer to layer, so most of it is right (Eliseev and Mazur 2023).
  void look_ahead(const Pass& pass, std::vector<Block>& stack, size_t next, const std::vector<float>& x);
  // The encoder's output of every row.
  std::vector<float> encode(const Pass& first, std::span<const Input> inputs);
  // How many rows of each sequence, the last ones, its logits need.
  std::vector<int64_t> rows_for_logits(std::span<const Input> inputs) const;
  // The hidden states behind the final norm: of the last `wanted` rows of each sequence, which then are all that `pass`
  // has; of all rows if none are named.
  std::vector<float> run(Pass& pass, std::span<const Input> inputs, std::span<const int64_t> wanted = {});
  std::vector<float> head_input(const Pass& pass, std::span<const Input> inputs,
                                const std::vector<float>& hidden_states) const;
  std::vector<float> logits(const Pass& pass, std::span<const Input> inputs,
                            const std::vector<float>& hidden_states);

  ModelSpec spec;
  RoutingVocabulary words;
  WeightStore weights;
  ExpertStore experts;
  Matrix embedding, positions, token_types, head_dense, head, pooler;
  RopeTables ropes;
  std::vector<Block> encoder, blocks;
  Norm embedding_norm, encoder_norm, final_norm, head_norm;
  std::vector<float> head_dense_bias, head_bias, pooler_bias;
  std::vector<ExpertLoad> load;
  Silence silence;
  KvOptions kv_options;
  bool has_run = false;
};

Decoder::Decoder(std::shared_ptr<const ModelFiles> files, WeightType type, PackWhen when,
                 const ExpertMemory& experts)
    : state_(std::make_unique<State>(std::move(files), type, when, experts)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

const ModelSpec& Decoder::spec() const {
  return state_->spec;
}

std::unique_ptr<KvCache> Decoder::new_cache(const KvOptions& options) const {
  return std::make_unique<KvCache>(state_->spec, options);
}

std::unique_ptr<KvCache> Decoder::new_cache() const {
  return new_cache(state_->kv_options);
}

void Decoder::set_kv_options(const KvOptions& options) {
  new_cache(options);
  state_->kv_options = options;
}

const KvOptions& Decoder::kv_options() const {
  return state_->kv_options;
}

void Decoder::State::check(std::span<const Input> inputs) const {
  std::set<const KvCache*> caches;
  for (const auto& input : inputs) {
    COPPICE_CHECK(input.cache == nullptr || caches.insert(input.cache).second,
                  "one sequence twice in a batch");
    if (input.cache != nullptr && !is_causal(spec))
      throw Error({.where = "sequence",
                   .found = "a cache, for a model whose attention sees both ways",
                   .expected = "whole sequences, which nothing continues"});
    const int64_t past = input.cache ? input.cache->length() : 0;
    check_tokens(input.tokens, past);
    check_texts(input);
    COPPICE_CHECK(spec.encoder || input.source == nullptr, "a source for a model without an encoder");
    if (spec.encoder && input.source == nullptr)
      throw Error({.where = "sequence",
                   .found = "no source text",
                   .expected = "one for the encoder: this model is an encoder-decoder",
                   .advice = "use it where a prompt is answered, as by coppice run"});
  }
}

void Decoder::State::check_texts(const Input& input) const {
  if (input.texts.empty()) return;
  COPPICE_CHECK(input.texts.size() == input.tokens.size(), "a text's number for every token");
  for (const int32_t text : input.texts)
    if (text < 0 || text >= std::max<int64_t>(1, spec.token_types))
      throw Error({.where = "sequence",
                   .found = fmt::format("a token of text {}", text),
                   .expected = fmt::format("0 to {}, the texts that the model has vectors of",
                                           std::max<int64_t>(1, spec.token_types) - 1)});
}

void Decoder::State::check_tokens(std::span<const int32_t> tokens, int64_t past) const {
  const int64_t length = past + static_cast<int64_t>(tokens.size());
  if (length > spec.context)
    throw Error({.where = "sequence",
                 .found = fmt::format("{} tokens", length),
                 .expected = fmt::format("at most the model's context of {}", spec.context),
                 .advice = "shorten the text"});
  for (const int32_t token : tokens)
    if (token < 0 || token >= spec.vocabulary)
      throw Error({.where = "sequence",
                   .found = fmt::format("token id {}", token),
                   .expected = fmt::format("0 to {}", spec.vocabulary - 1)});
}

void Decoder::State::find_words(Pass& pass, std::span<const Input> inputs, bool causal) const {
  if (!spec.routing_vocabulary) return;
  pass.words.clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto ids = causal ? words.ending(pass.slices[i].cache->tokens(), inputs[i].tokens)
                            : words.covering(inputs[i].tokens);
    pass.words.insert(pass.words.end(), ids.begin(), ids.end());
  }
}

// x[row] = the token's vector, scaled, plus that of its position if positions are learned, plus that of its
// text if texts have vectors; normed if the model does so.
void Decoder::State::embed(const Pass& pass, std::span<const Input> inputs, float* x) const {
  const ProfiledPart part(Part::embedding);
  std::vector<float> added(static_cast<size_t>(pass.width));
  const auto scale = static_cast<float>(spec.embedding_scale);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Slice& slice = pass.slices[i];
    for (int64_t t = 0; t < slice.count; ++t) {
      float* row = x + (slice.begin + t) * pass.width;
      copy_row(embedding, inputs[i].tokens[static_cast<size_t>(t)], row);
      if (scale != 1)
        for (int64_t column = 0; column < pass.width; ++column) row[column] *= scale;
      if (spec.token_types > 0) {
        copy_row(token_types, inputs[i].texts.empty() ? 0 : inputs[i].texts[static_cast<size_t>(t)],
                 added.data());
        pass.kernels.add(row, added.data(), 1, pass.width);
      }
      if (!spec.learned_positions) continue;
      copy_row(positions, slice.past() + t + spec.position_offset, added.data());
      pass.kernels.add(row, added.data(), 1, pass.width);
    }
  }
  if (embedding_norm) embedding_norm.forward(pass, x, x);
}

void Decoder::State::look_ahead(const Pass& pass, std::vector<Block>& stack, size_t next,
                                const std::vector<float>& x) {
  while (next < stack.size() && !std::holds_alternative<Moe>(stack[next].ffn)) ++next;
  if (next == stack.size()) return;
  Moe& moe = std::get<Moe>(stack[next].ffn);
  const Norm* norm = stack[next].feed_norm();
  if (norm == nullptr) return moe.expect(pass, x.data());
  std::vector<float> input(x.size());
  norm->forward(pass, x.data(), input.data());
  moe.expect(pass, input.data());
}

// Takes x, the residual stream, through all blocks; behind the last mixer only the wanted rows, if any are named. The others
// are room to work in, of the same size.
void Decoder::State::run_blocks(Pass& pass, std::vector<Block>& stack, std::vector<float>& x,
                                std::vector<float>& normed, std::vector<float>& y,
                                std::span<const int64_t> wanted) {
  pass.layer = 0;
  pass.silence = &silence;
  auto moe_load = std::ranges::find(load, pass.stack, &ExpertLoad::stack);
  for (auto& block : stack) {
    const auto norm = [&](const char* name, const Norm& part, const float* from, float* to) {
      const ProfiledPart timed(Part::norm);
      part.forward(pass, from, to);
      pass.report(name, pass.width, to);
    };
    if (!wanted.empty() && &block == &stack.back()) pass.want(wanted);
    const auto mix = [&](const float* from) {
      const ProfiledPart timed(Part::mixer);
      std::visit([&](auto& mixer) { mixer.forward(pass, from, y.data()); }, block.mixer);
      pass.report("mixer", pass.width, y.data());
      if (pass.wanted_rows() == pass.rows) return;
      for (auto* rows : {&x, &normed}) copy_wanted(pass, rows->data(), pass.width, rows->data());
      pass.keep_wanted();
    };
    const auto feed = [&](const float* from) {
      if (pass.rows == 0) return;
      const ProfiledPart timed(Part::feed_forward);
      const auto next = static_cast<size_t>(pass.layer) + 1;
      const auto meanwhile = [&] { look_ahead(pass, stack, next, x); };
      if (auto* moe = std::get_if<Moe>(&block.ffn))
        moe->forward(pass, from, y.data(), *moe_load++,
                     experts.looks_ahead() ? meanwhile : std::function<void()>());
      else
        std::get<DenseFfn>(block.ffn).forward(pass, from, y.data());
      pass.report("ffn", pass.width, y.data());
    };
    switch (block.placement) {
      case NormPlacement::pre:
        if (block.mixer_norm) norm("mixer_norm", block.mixer_norm, x.data(), normed.data());
        mix(block.mixer_norm ? normed.data() : x.data());
        add_rows(pass, x.data(), y.data());
        if (block.cross) {
          norm("cross_norm", block.cross_norm, x.data(), normed.data());
          block.cross->forward(pass, normed.data(), y.data());
          pass.report("cross", pass.width, y.data());
          add_rows(pass, x.data(), y.data());
        }
        norm("ffn_norm", block.ffn_norm, x.data(), normed.data());
        feed(normed.data());
        add_rows(pass, x.data(), y.data());
        break;
      case NormPlacement::post:
        mix(x.data());
        norm("mixer_norm", block.mixer_norm, y.data(), y.data());
        add_rows(pass, x.data(), y.data());
        feed(x.data());
        norm("ffn_norm", block.ffn_norm, y.data(), y.data());
        add_rows(pass, x.data(), y.data());
        break;
      case NormPlacement::parallel:
        norm("mixer_norm", block.mixer_norm, x.data(), normed.data());
        mix(normed.data());
        add_rows(pass, x.data(), y.data());
        feed(normed.data());
        add_rows(pass, x.data(), y.data());
        break;
      case NormPlacement::post_sum:
        mix(x.data());
        add_rows(pass, x.data(), y.data());
        norm("mixer_norm", block.mixer_norm, x.data(), x.data());
        feed(x.data());
        add_rows(pass, x.data(), y.data());
        norm("ffn_norm", block.ffn_norm, x.data(), x.data());
        break;
      case NormPlacement::sandwich:
        norm("mixer_norm", block.mixer_norm, x.data(), normed.data());
        mix(normed.data());
        norm("mixer_output_norm", block.mixer_output_norm, y.data(), y.data());
        add_rows(pass, x.data(), y.data());
        norm("ffn_norm", block.ffn_norm, x.data(), normed.data());
        feed(normed.data());
        norm("ffn_output_norm", block.ffn_output_norm, y.data(), y.data());
        add_rows(pass, x.data(), y.data());
        break;
    }
    pass.report("output", pass.width, x.data());
    ++pass.layer;
  }
}

std::vector<float> Decoder::State::encode(const Pass& first, std::span<const Input> inputs) {
  Pass pass = first;
  pass.stack = "encoder.";
  find_words(pass, inputs, false);
  const auto size = static_cast<size_t>(pass.rows * pass.width);
  std::vector<float> x(size), normed(size), y(size);
  embed(pass, inputs, x.data());
  if (pass.trace) pass.trace("encoder.embedding", pass.rows, pass.width, x.data());
  run_blocks(pass, encoder, x, normed, y, {});
  if (!encoder_norm) return x;
  encoder_norm.forward(pass, x.data(), x.data());
  if (pass.trace) pass.trace("encoder.norm", pass.rows, pass.width, x.data());
  return x;
}

std::vector<int64_t> Decoder::State::rows_for_logits(std::span<const Input> inputs) const {
  std::vector<int64_t> rows;
  for (const auto& input : inputs) {
    const auto count = static_cast<int64_t>(input.tokens.size());
    const bool all = input.all_logits || spec.head != HeadKind::linear;
    rows.push_back(input.no_logits ? 0 : all ? count : std::min<int64_t>(1, count));
  }
  return rows;
}

std::vector<float> Decoder::State::run(Pass& pass, std::span<const Input> inputs,
                                       std::span<const int64_t> wanted) {
  constexpr double packed_before_a_pass = 0.125;
  if (has_run) weights.pack_more(packed_before_a_pass);
  has_run = true;
  find_words(pass, inputs, is_causal(spec));
  const auto size = static_cast<size_t>(pass.rows * pass.width);
  std::vector<float> x(size), normed(size), y(size);
  embed(pass, inputs, x.data());
  if (pass.trace) pass.trace("embedding", pass.rows, pass.width, x.data());
  run_blocks(pass, blocks, x, normed, y, wanted);
  x.resize(static_cast<size_t>(pass.rows * pass.width));
  if (!final_norm) return x;
  final_norm.forward(pass, x.data(), x.data());
  if (pass.trace) pass.trace("norm", pass.rows, pass.width, x.data());
  return x;
}

// The rows that logits are asked for: of tokens, or of a classifier one for each text.
std::vector<float> Decoder::State::head_input(const Pass& pass, std::span<const Input> inputs,
                                              const std::vector<float>& hidden_states) const {
  std::vector<float> x;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Slice& slice = pass.slices[i];
    if (inputs[i].no_logits || slice.count == 0) continue;
    const float* rows = hidden_states.data() + slice.begin * pass.width;
    if (spec.head == HeadKind::classifier && spec.head_pooling == HeadPooling::mean) {
      const auto mean = pool_tokens(
          Pooling::mean, std::span(rows, static_cast<size_t>(slice.count * pass.width)), pass.width);
      x.insert(x.end(), mean.begin(), mean.end());
      continue;
    }
    const bool first = spec.head == HeadKind::classifier;
    const int64_t begin = first || inputs[i].all_logits ? 0 : slice.count - 1, end = first ? 1 : slice.count;
    x.insert(x.end(), rows + begin * pass.width, rows + end * pass.width);
  }
  return x;
}

std::vector<float> Decoder::State::logits(const Pass& pass, std::span<const Input> inputs,
                                          const std::vector<float>& hidden_states) {
  const ProfiledPart timed(Part::head);
  std::vector<float> x = head_input(pass, inputs, hidden_states);
  const int64_t wanted = static_cast<int64_t>(x.size()) / pass.width;
  if (wanted == 0) return {};
  if (spec.head == HeadKind::masked || spec.head == HeadKind::classifier) {
    Pass part = pass;
    part.rows = wanted;
    std::vector<float> y(x.size());
    const LinearJob dense[] = {{head_dense, head_dense_bias, x.data(), y.data()}};
    run_linear(pass.kernels, dense, wanted);
    const kernels::Unit unit = unit_of(spec.head_activation);
    for_each_row(part, [&](int64_t row) {
      pass.kernels.activate(unit, y.data() + row * pass.width, nullptr, pass.width);
    });
    if (head_norm)
      head_norm.forward(part, y.data(), x.data());
    else
      x = std::move(y);
    if (pass.trace) pass.trace("head", wanted, pass.width, x.data());
  }
  if (spec.logit_scale != 1)
    for (float& value : x) value *= static_cast<float>(spec.logit_scale);
  const int64_t count = logit_count(spec);
  std::vector<float> logits(static_cast<size_t>(wanted * count));
  const LinearJob output[] = {{head, head_bias, x.data(), logits.data()}};
  run_linear(pass.kernels, output, wanted);
  if (pass.trace) pass.trace("logits", wanted, count, logits.data());
  return logits;
}

namespace {

// One pass over all inputs, with caches of its own for those that bring none.
template <class Work>
std::vector<float> in_one_pass(const Decoder& decoder, std::span<const Decoder::Input> inputs,
                               const TraceSink& trace, const Work& work) {
  Pass pass{.kernels = kernels::active(),
            .trace = trace,
            .width = decoder.spec().width,
            .residual_scale = static_cast<float>(decoder.spec().residual_scale)};
  std::vector<std::unique_ptr<KvCache>> own;
  KvOptions options = decoder.kv_options();
  options.one_pass = true;
  for (const auto& input : inputs) {
    KvCache* cache = input.cache;
    if (cache == nullptr) cache = own.emplace_back(decoder.new_cache(options)).get();
    const auto count = static_cast<int64_t>(input.tokens.size());
    cache->reserve(count);
    pass.slices.push_back({pass.rows, count, cache, input.source});
    pass.rows += count;
  }
  auto result = work(pass);
  // Only now do the new positions count: a pass that failed leaves the caches as they were.
  for (size_t i = 0; i < inputs.size(); ++i) pass.slices[i].cache->advance(inputs[i].tokens);
  return result;
}

}  // namespace

std::vector<float> Decoder::forward(std::span<const Input> inputs, const TraceSink& trace) {
  State& state = *state_;
  if (state.spec.head == HeadKind::none)
    throw Error({.where = "logits",
                 .found = "a model without an output head",
                 .expected = "one that predicts tokens",
                 .advice = "`coppice embed` turns texts into vectors with it"});
  state.check(inputs);
  return in_one_pass(*this, inputs, trace, [&](Pass& pass) {
    // A trace sees every row of every layer.
    const auto wanted = trace ? std::vector<int64_t>() : state.rows_for_logits(inputs);
    const auto hidden = state.run(pass, inputs, wanted);
    return state.logits(pass, inputs, hidden);
  });
}

std::vector<float> Decoder::hidden_states(std::span<const Input> inputs, const TraceSink& trace) {
  state_->check(inputs);
  return in_one_pass(*this, inputs, trace, [&](Pass& pass) { return state_->run(pass, inputs); });
}

std::vector<float> Decoder::pool(std::span<const float> hidden_states) const {
  const State& state = *state_;
  COPPICE_CHECK(state.spec.pooler, "a pooler");
  std::vector<float> pooled(hidden_states.size());
  const LinearJob dense[] = {{state.pooler, state.pooler_bias, hidden_states.data(), pooled.data()}};
  run_linear(kernels::active(), dense, static_cast<int64_t>(pooled.size()) / state.spec.width);
  for (float& value : pooled) value = std::tanh(value);
  return pooled;
}

void require_generator(const ModelSpec& spec, const std::string& where) {
  const char* found = nullptr;
  if (!is_causal(spec))
    found = "a text encoder, whose attention sees both ways";
  else if (spec.head != HeadKind::linear)
    found = spec.head == HeadKind::classifier ? "a model that classifies texts"
                                              : "a model without an output head";
  if (found != nullptr)
    throw Error({.where = where,
                 .found = found,
                 .expected = "a model that predicts the next token",
                 .advice = "`coppice embed` turns texts into vectors with it"});
}

void require_next_token_model(const ModelSpec& spec, const std::string& where) {
  require_generator(spec, where);
  if (spec.encoder)
    throw Error({.where = where,
                 .found = "an encoder-decoder, which answers a source text",
                 .expected = "a model that continues text",
                 .advice = "try its answers with `coppice run`"});
}

std::vector<std::shared_ptr<const EncodedSource>> Decoder::encode(
    std::span<const std::span<const int32_t>> sources, const TraceSink& trace) {
  State& state = *state_;
  if (!state.spec.encoder)
    throw Error({.where = "model", .found = "no encoder", .expected = "an encoder-decoder"});
  ModelSpec encoder = state.spec;  // whose blocks the caches are for
  encoder.blocks = state.spec.encoder->blocks;
  const KvOptions options{.pool = state.kv_options.pool, .one_pass = true};
  Pass pass{.kernels = kernels::active(),
            .trace = trace,
            .width = state.spec.width,
            .residual_scale = static_cast<float>(state.spec.residual_scale)};
  std::vector<Input> inputs;
  std::vector<std::unique_ptr<KvCache>> caches;
  std::vector<std::shared_ptr<EncodedSource>> encoded;
  for (const auto& tokens : sources) {
    state.check_tokens(tokens, 0);
    const auto count = static_cast<int64_t>(tokens.size());
    if (count == 0)
      throw Error({.where = "source", .found = "no tokens", .expected = "text for the encoder"});
    inputs.push_back({.tokens = tokens});
    caches.push_back(std::make_unique<KvCache>(encoder, options));
    caches.back()->reserve(count);
    encoded.push_back(std::make_shared<EncodedSource>());
    encoded.back()->length_ = count;
    encoded.back()->layers_.resize(state.blocks.size());
    pass.slices.push_back({pass.rows, count, caches.back().get(), nullptr});
    pass.rows += count;
  }
  const std::vector<float> states = state.encode(pass, inputs);
  for (size_t i = 0; i < encoded.size(); ++i) {
    const float* begin = states.data() + pass.slices[i].begin * pass.width;
    encoded[i]->states_.assign(begin, begin + pass.slices[i].count * pass.width);
  }
  for (size_t i = 0; i < state.blocks.size(); ++i)
    if (state.blocks[i].cross) state.blocks[i].cross->prepare(pass.kernels, static_cast<int64_t>(i), encoded);
  return {encoded.begin(), encoded.end()};
}

const std::vector<ExpertLoad>& Decoder::expert_load() const {
  return state_->load;
}

void Decoder::reset_expert_load() {
  for (auto& layer : state_->load) std::fill(layer.tokens.begin(), layer.tokens.end(), 0);
}

const Silence& Decoder::silence() const {
  return state_->silence;
}

ExpertTraffic Decoder::expert_traffic() const {
  return state_->experts.traffic();
}

void Decoder::reset_expert_traffic() {
  state_->experts.reset_traffic();
}

void Decoder::set_top_k(int64_t top_k) {
  if (state_->load.empty())
    throw Error({.where = "experts",
                 .found = "a model without mixtures of experts",
                 .advice = "leave the number of experts out"},
                Fault::usage);
  for (const auto& layer : state_->load)
    if (top_k < 1 || top_k > static_cast<int64_t>(layer.tokens.size()))
      throw Error(
          {.where = "experts",
           .found = fmt::format("{}", top_k),
           .expected = fmt::format("1 to the {} experts of layer {}", layer.tokens.size(), layer.layer)},
          Fault::usage);
  ModelSpec changed = state_->spec;
  const auto change = [top_k](std::vector<BlockSpec>& blocks) {
    for (auto& block : blocks)
      if (MoeSpec* moe = moe_of(block)) {
        moe->top_k = top_k;
        validate(*moe, "experts");  // groups of experts, and words, may not allow every number
      }
  };
  change(changed.blocks);
  if (changed.encoder) change(changed.encoder->blocks);
  state_->spec = std::move(changed);
  for (auto* stack : {&state_->encoder, &state_->blocks})
    for (auto& block : *stack)
      if (auto* moe = std::get_if<Moe>(&block.ffn)) moe->set_top_k(top_k);
}

int64_t Decoder::bytes_per_token() const {
  const State& state = *state_;
  int64_t bytes = state.embedding.row_bytes() + state.head.bytes();
  auto load = std::ranges::find(state.load, std::string(), &ExpertLoad::stack);
  for (const auto& block : state.blocks) {
    std::visit([&](const auto& mixer) { bytes += mixer.bytes(); }, block.mixer);
    if (block.cross) bytes += block.cross->bytes();
    if (const auto* moe = std::get_if<Moe>(&block.ffn))
      bytes += moe->bytes_per_token(*load++);
    else
      bytes += std::get<DenseFfn>(block.ffn).bytes(state.silence);
  }
  return bytes;
}

}  // namespace coppice
