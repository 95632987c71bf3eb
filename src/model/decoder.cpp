#include "model/decoder.h"

#include <algorithm>
#include <set>

#include "kernels/isa.h"
#include "model/attention.h"
#include "model/moe.h"

namespace coppice {
namespace {

using MixerPart = std::variant<Attention>;
using FfnPart = std::variant<DenseFfn, Moe>;

struct Block {
  std::vector<float> mixer_norm, ffn_norm;
  MixerPart mixer;
  FfnPart ffn;
};

MixerPart load_mixer(const MixerSpec& spec, WeightStore& weights, const std::string& prefix,
                     RopeTables& ropes) {
  return std::visit(
      [&](const AttentionSpec& attention) -> MixerPart {
        return Attention(attention, weights, prefix + "self_attn.", ropes);
      },
      spec);
}

struct FfnLoader {
  WeightStore& weights;
  std::string prefix;
  FfnPart operator()(const DenseFfnSpec& spec) const { return DenseFfn(spec, weights, prefix); }
  FfnPart operator()(const MoeSpec& spec) const { return Moe(spec, weights, prefix); }
};

}  // namespace

struct Decoder::State {
  State(std::shared_ptr<const ModelFiles> files, WeightType type)
      : spec(files->spec()), weights(std::move(files), type) {
    embedding = weights.matrix("model.embed_tokens.weight");
    RopeTables ropes;
    for (size_t i = 0; i < spec.blocks.size(); ++i) {
      const std::string prefix = fmt::format("model.layers.{}.", i);
      blocks.push_back({weights.vector(prefix + "input_layernorm.weight"),
                        weights.vector(prefix + "post_attention_layernorm.weight"),
                        load_mixer(spec.blocks[i].mixer, weights, prefix, ropes),
                        std::visit(FfnLoader{weights, prefix + "mlp."}, spec.blocks[i].ffn)});
      if (const auto* moe = std::get_if<Moe>(&blocks.back().ffn))
        load.push_back({static_cast<int64_t>(i), std::vector<int64_t>(static_cast<size_t>(moe->experts()))});
    }
    final_norm = weights.vector("model.norm.weight");
    head = spec.tied_embeddings ? embedding : weights.matrix("lm_head.weight");
  }

  void check(std::span<const Input> inputs) const;
  std::vector<float> run(const Pass& first, std::span<const Input> inputs);

  ModelSpec spec;
  WeightStore weights;
  Matrix embedding, head;
  std::vector<Block> blocks;
  std::vector<float> final_norm;
  std::vector<ExpertLoad> load;
};

Decoder::Decoder(std::shared_ptr<const ModelFiles> files, WeightType type)
    : state_(std::make_unique<State>(std::move(files), type)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

const ModelSpec& Decoder::spec() const {
  return state_->spec;
}

std::unique_ptr<KvCache> Decoder::new_cache() const {
  return std::make_unique<KvCache>(state_->spec);
}

void Decoder::State::check(std::span<const Input> inputs) const {
  std::set<const KvCache*> caches;
  for (const auto& input : inputs) {
    COPPICE_CHECK(input.cache == nullptr || caches.insert(input.cache).second,
                  "one sequence twice in a batch");
    const int64_t past = input.cache ? input.cache->length() : 0;
    const int64_t length = past + static_cast<int64_t>(input.tokens.size());
    if (length > spec.context)
      throw Error({.where = "sequence",
                   .found = fmt::format("{} tokens", length),
                   .expected = fmt::format("at most the model's context of {}", spec.context),
                   .advice = "shorten the text"});
    for (const int32_t token : input.tokens)
      if (token < 0 || token >= spec.vocabulary)
        throw Error({.where = "sequence",
                     .found = fmt::format("token id {}", token),
                     .expected = fmt::format("0 to {}", spec.vocabulary - 1)});
  }
}

std::vector<float> Decoder::State::run(const Pass& first, std::span<const Input> inputs) {
  Pass pass = first;
  const auto epsilon = static_cast<float>(spec.norm_epsilon);
  const auto size = static_cast<size_t>(pass.rows * pass.width);
  std::vector<float> x(size), normed(size), y(size);

  int64_t row = 0;
  for (const auto& input : inputs)
    for (const int32_t token : input.tokens) copy_row(embedding, token, x.data() + row++ * pass.width);
  if (pass.trace) pass.trace("embedding", pass.rows, pass.width, x.data());

  auto moe_load = load.begin();
  for (auto& block : blocks) {
    norm_rows(pass, x.data(), block.mixer_norm, epsilon, normed.data());
    pass.report("mixer_norm", pass.width, normed.data());
    std::visit([&](auto& mixer) { mixer.forward(pass, normed.data(), y.data()); }, block.mixer);
    pass.report("mixer", pass.width, y.data());
    add_rows(pass, x.data(), y.data());

    norm_rows(pass, x.data(), block.ffn_norm, epsilon, normed.data());
    pass.report("ffn_norm", pass.width, normed.data());
    if (auto* moe = std::get_if<Moe>(&block.ffn))
      moe->forward(pass, normed.data(), y.data(), *moe_load++);
    else
      std::get<DenseFfn>(block.ffn).forward(pass, normed.data(), y.data());
    pass.report("ffn", pass.width, y.data());
    add_rows(pass, x.data(), y.data());
    pass.report("output", pass.width, x.data());
    ++pass.layer;
  }

  norm_rows(pass, x.data(), final_norm, epsilon, normed.data());
  if (pass.trace) pass.trace("norm", pass.rows, pass.width, normed.data());
  int64_t wanted = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Slice& slice = pass.slices[i];
    const int64_t begin = inputs[i].all_logits ? 0 : std::max<int64_t>(0, slice.count - 1);
    const float* from = normed.data() + (slice.begin + begin) * pass.width;
    std::copy_n(from, (slice.count - begin) * pass.width, y.data() + wanted * pass.width);
    wanted += slice.count - begin;
  }
  static const std::vector<float> no_bias;
  std::vector<float> logits(static_cast<size_t>(wanted * spec.vocabulary));
  const LinearJob output[] = {{head, no_bias, y.data(), logits.data()}};
  run_linear(pass.kernels, output, wanted);
  if (pass.trace) pass.trace("logits", wanted, spec.vocabulary, logits.data());
  return logits;
}

std::vector<float> Decoder::forward(std::span<const Input> inputs, const TraceSink& trace) {
  State& state = *state_;
  state.check(inputs);
  Pass pass{.kernels = kernels::active(), .trace = trace, .width = state.spec.width};
  std::vector<std::unique_ptr<KvCache>> own;  // for inputs that bring none
  for (const auto& input : inputs) {
    KvCache* cache = input.cache;
    if (cache == nullptr) cache = own.emplace_back(new_cache()).get();
    const auto count = static_cast<int64_t>(input.tokens.size());
    cache->reserve(cache->length() + count);
    pass.slices.push_back({pass.rows, count, cache});
    pass.rows += count;
  }
  auto logits = state.run(pass, inputs);
  // Only now do the new positions count: a pass that failed leaves the caches as they were.
  for (const auto& slice : pass.slices) slice.cache->set_length(slice.past() + slice.count);
  return logits;
}

const std::vector<ExpertLoad>& Decoder::expert_load() const {
  return state_->load;
}

void Decoder::reset_expert_load() {
  for (auto& layer : state_->load) std::fill(layer.tokens.begin(), layer.tokens.end(), 0);
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
  for (auto& block : state_->spec.blocks)
    if (MoeSpec* moe = moe_of(block)) moe->top_k = top_k;
  for (auto& block : state_->blocks)
    if (auto* moe = std::get_if<Moe>(&block.ffn)) moe->set_top_k(top_k);
}

int64_t Decoder::bytes_per_token() const {
  const State& state = *state_;
  int64_t bytes = state.embedding.row_bytes() + state.head.bytes();
  auto load = state.load.begin();
  for (const auto& block : state.blocks) {
    std::visit([&](const auto& mixer) { bytes += mixer.bytes(); }, block.mixer);
    if (const auto* moe = std::get_if<Moe>(&block.ffn))
      bytes += moe->bytes_per_token(*load++);
    else
      bytes += std::get<DenseFfn>(block.ffn).bytes();
  }
  return bytes;
}

}  // namespace coppice
