#include "model/decoder.h"

#include <algorithm>
#include <set>

#include "kernels/isa.h"
#include "model/attention.h"
#include "model/latent_attention.h"
#include "model/moe.h"
#include "model/norm.h"

namespace coppice {
namespace {

using MixerPart = std::variant<Attention, LatentAttention>;
using FfnPart = std::variant<DenseFfn, Moe>;

struct Block {
  NormPlacement placement;
  Norm mixer_norm, ffn_norm, mixer_output_norm, ffn_output_norm;
  MixerPart mixer;
  FfnPart ffn;
};

struct MixerLoader {
  double norm_epsilon;
  WeightStore& weights;
  std::string prefix;
  RopeTables& ropes;
  MixerPart operator()(const AttentionSpec& spec) const {
    return Attention(spec, norm_epsilon, weights, prefix + "self_attn.", ropes);
  }
  MixerPart operator()(const LatentAttentionSpec& spec) const {
    return LatentAttention(spec, weights, prefix + "self_attn.", ropes);
  }
};

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
    if (spec.learned_positions) positions = weights.matrix("model.embed_positions.weight");
    RopeTables ropes;
    for (size_t i = 0; i < spec.blocks.size(); ++i) {
      const std::string prefix = fmt::format("model.layers.{}.", i);
      const NormNames norms = norm_names(spec.blocks[i].norms);
      const auto norm = [&](const std::string& name) {
        return name.empty() ? Norm() : Norm(spec, weights, prefix + name);
      };
      blocks.push_back(
          {spec.blocks[i].norms, norm(norms.mixer), norm(norms.ffn), norm(norms.mixer_output),
           norm(norms.ffn_output),
           std::visit(MixerLoader{spec.norm_epsilon, weights, prefix, ropes}, spec.blocks[i].mixer),
           std::visit(FfnLoader{weights, prefix + "mlp."}, spec.blocks[i].ffn)});
      if (const auto* moe = std::get_if<Moe>(&blocks.back().ffn))
        load.push_back({static_cast<int64_t>(i), std::vector<int64_t>(static_cast<size_t>(moe->experts()))});
    }
    final_norm = Norm(spec, weights, "model.norm");
    head = spec.tied_embeddings ? embedding : weights.matrix("lm_head.weight");
    if (spec.head_bias) head_bias = weights.vector("lm_head.bias");
  }

  void check(std::span<const Input> inputs) const;
  void embed(const Pass& pass, std::span<const Input> inputs, float* x) const;
  std::vector<float> run(const Pass& first, std::span<const Input> inputs);

  ModelSpec spec;
  WeightStore weights;
  Matrix embedding, positions, head;
  std::vector<Block> blocks;
  Norm final_norm;
  std::vector<float> head_bias;
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

// x[row] = the token's vector, plus that of its position if positions are learned.
void Decoder::State::embed(const Pass& pass, std::span<const Input> inputs, float* x) const {
  std::vector<float> place(static_cast<size_t>(spec.learned_positions ? pass.width : 0));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Slice& slice = pass.slices[i];
    for (int64_t t = 0; t < slice.count; ++t) {
      float* row = x + (slice.begin + t) * pass.width;
      copy_row(embedding, inputs[i].tokens[static_cast<size_t>(t)], row);
      if (!spec.learned_positions) continue;
      copy_row(positions, slice.past() + t + spec.position_offset, place.data());
      pass.kernels.add(row, place.data(), 1, pass.width);
    }
  }
}

std::vector<float> Decoder::State::run(const Pass& first, std::span<const Input> inputs) {
  Pass pass = first;
  const auto size = static_cast<size_t>(pass.rows * pass.width);
  std::vector<float> x(size), normed(size), y(size);
  embed(pass, inputs, x.data());
  if (pass.trace) pass.trace("embedding", pass.rows, pass.width, x.data());

  auto moe_load = load.begin();
  for (auto& block : blocks) {
    const auto norm = [&](const char* name, const Norm& part, const float* from, float* to) {
      part.forward(pass, from, to);
      pass.report(name, pass.width, to);
    };
    const auto mix = [&](const float* from) {
      std::visit([&](auto& mixer) { mixer.forward(pass, from, y.data()); }, block.mixer);
      pass.report("mixer", pass.width, y.data());
    };
    const auto feed = [&](const float* from) {
      if (auto* moe = std::get_if<Moe>(&block.ffn))
        moe->forward(pass, from, y.data(), *moe_load++);
      else
        std::get<DenseFfn>(block.ffn).forward(pass, from, y.data());
      pass.report("ffn", pass.width, y.data());
    };
    switch (block.placement) {
      case NormPlacement::pre:
        norm("mixer_norm", block.mixer_norm, x.data(), normed.data());
        mix(normed.data());
        add_rows(pass, x.data(), y.data());
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

  final_norm.forward(pass, x.data(), normed.data());
  if (pass.trace) pass.trace("norm", pass.rows, pass.width, normed.data());
  int64_t wanted = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Slice& slice = pass.slices[i];
    const int64_t begin = inputs[i].all_logits ? 0 : std::max<int64_t>(0, slice.count - 1);
    const float* from = normed.data() + (slice.begin + begin) * pass.width;
    std::copy_n(from, (slice.count - begin) * pass.width, y.data() + wanted * pass.width);
    wanted += slice.count - begin;
  }
  std::vector<float> logits(static_cast<size_t>(wanted * spec.vocabulary));
  const LinearJob output[] = {{head, head_bias, y.data(), logits.data()}};
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
  ModelSpec changed = state_->spec;
  for (auto& block : changed.blocks)
    if (MoeSpec* moe = moe_of(block)) {
      moe->top_k = top_k;
      validate(*moe, "experts");  // groups of experts may not allow every number
    }
  state_->spec = std::move(changed);
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
