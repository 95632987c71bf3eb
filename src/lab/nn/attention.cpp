#include "lab/nn/attention.h"

#include <cmath>
#include <limits>

namespace coppice::lab {

RotaryTable rotary_table(const RopeSpec& rope, int64_t head_dim, int64_t length, torch::ScalarType type) {
  const std::vector<double> frequencies = rope_frequencies(rope, head_dim);
  const torch::Tensor position = torch::arange(length, torch::kDouble).unsqueeze(1);
  const torch::Tensor angle = position * torch::tensor(frequencies, torch::kDouble).unsqueeze(0);
  const double amplitude = rope_amplitude(rope);
  return {(amplitude * angle.cos()).to(type), (amplitude * angle.sin()).to(type), rope.interleaved};
}

void extend(RotaryTable& table, const RopeSpec& rope, int64_t head_dim, int64_t length,
            torch::ScalarType type) {
  if (!table.cosine.defined() || table.cosine.size(0) < length || table.cosine.scalar_type() != type)
    table = rotary_table(rope, head_dim, length, type);
}

torch::Tensor rotate(const torch::Tensor& x, const RotaryTable& table) {
  const int64_t length = x.size(1), half = table.cosine.size(1), rest = x.size(3) - 2 * half;
  if (half == 0) return x;
  const torch::Tensor cosine = table.cosine.narrow(0, 0, length).unsqueeze(1);
  const torch::Tensor sine = table.sine.narrow(0, 0, length).unsqueeze(1);
  const torch::Tensor turned = x.narrow(3, 0, 2 * half);
  const torch::Tensor a = table.interleaved ? turned.slice(3, 0, 2 * half, 2) : turned.narrow(3, 0, half);
  const torch::Tensor b = table.interleaved ? turned.slice(3, 1, 2 * half, 2) : turned.narrow(3, half, half);
  return torch::cat({a * cosine - b * sine, b * cosine + a * sine, x.narrow(3, 2 * half, rest)}, 3);
}

torch::Tensor hidden_positions(int64_t length, const Sight& sight) {
  const torch::Tensor all = torch::ones({length, length}, torch::kBool);
  torch::Tensor hidden = torch::zeros_like(all);
  if (sight.causal) hidden = all.triu(1);
  if (sight.window > 0) hidden = hidden.logical_or(all.tril(-sight.window));
  if (sight.window > 0 && !sight.causal) hidden = hidden.logical_or(all.triu(sight.window));
  // A causal model needs no lengths: what lies behind a sequence's end lies in the future of all before it.
  if (sight.causal || !sight.lengths.defined()) return hidden;
  const torch::Tensor behind = torch::arange(length).unsqueeze(0) >= sight.lengths.unsqueeze(1);
  // Every position sees itself, so that also rows behind the end are finite.
  const torch::Tensor others = torch::eye(length, torch::kBool).logical_not();
  return hidden.logical_or(behind.view({-1, 1, 1, length})).logical_and(others);
}

torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               int64_t window) {
  return attention(q, k, v, {.window = window});
}

torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const Sight& sight) {
  return mix_heads(q, k, v, {.hidden = hidden_positions(q.size(1), sight)});
}

torch::Tensor mix_heads(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const Scoring& scoring) {
  const int64_t heads = q.size(2), group = heads / k.size(2);
  const auto by_head = [group](const torch::Tensor& x) {
    const torch::Tensor moved = x.transpose(1, 2);
    return group == 1 ? moved : moved.repeat_interleave(group, 1);
  };
  const torch::Tensor keys = by_head(k), values = by_head(v);
  const double scale = scoring.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3))));
  torch::Tensor scores = torch::matmul(q.transpose(1, 2), keys.transpose(2, 3)) * scale;
  if (scoring.bias.defined()) scores = scores + scoring.bias;
  const torch::Tensor shares = torch::softmax(
      scores.masked_fill(scoring.hidden.to(q.device()), -std::numeric_limits<double>::infinity()), -1);
  return torch::matmul(shares, values).transpose(1, 2);
}

torch::Tensor relative_biases(const torch::Tensor& table, const RelativeBiasSpec& spec, bool causal,
                              int64_t length) {
  std::vector<int64_t> buckets;
  for (int64_t query = 0; query < length; ++query)
    for (int64_t key = 0; key < length; ++key) buckets.push_back(relative_bucket(spec, causal, key - query));
  const torch::Tensor rows = torch::tensor(buckets, torch::kInt64).to(table.device());
  return table.index_select(0, rows).view({length, length, -1}).permute({2, 0, 1});
}

Attention::Attention(const AttentionSpec& spec, int64_t width, double norm_epsilon) : spec_(spec) {
  const int64_t query_width = spec.heads * spec.head_dim, key_width = spec.kv_heads * spec.head_dim;
  q_ = register_module("q_proj", std::make_shared<Linear>(width, query_width, spec.qkv_bias));
  k_ = register_module("k_proj", std::make_shared<Linear>(width, key_width, spec.qkv_bias));
  v_ = register_module("v_proj", std::make_shared<Linear>(width, key_width, spec.qkv_bias));
  o_ = register_module("o_proj", std::make_shared<Linear>(query_width, width, spec.output_bias));
  if (spec.qk_norm != QkNorm::none) {
    const bool whole = spec.qk_norm == QkNorm::projection;
    const auto norm = [&](int64_t all) {
      return std::make_shared<Norm>(NormKind::rms, whole ? all : spec.head_dim, norm_epsilon);
    };
    q_norm_ = register_module("q_norm", norm(query_width));
    k_norm_ = register_module("k_norm", norm(key_width));
  }
  if (spec.gate != AttentionGate::none)
    gate_ = register_module(
        "gate_proj",
        std::make_shared<Linear>(width, spec.gate == AttentionGate::head ? spec.heads : query_width));
}

void Attention::own_relative_bias() {
  bias_table_ =
      register_module("relative_bias", std::make_shared<BiasTable>(spec_.relative_bias.buckets, spec_.heads));
}

torch::Tensor Attention::forward(const torch::Tensor& x, const torch::Tensor& lengths) {
  const int64_t batch = x.size(0), length = x.size(1);
  extend(rotary_, spec_.rope, spec_.head_dim, length, x.scalar_type());
  const auto heads_of = [&](const torch::Tensor& y) { return y.view({batch, length, -1, spec_.head_dim}); };
  const auto normed_heads = [&](const torch::Tensor& y, const std::shared_ptr<Norm>& norm) {
    if (spec_.qk_norm == QkNorm::none) return heads_of(y);
    return spec_.qk_norm == QkNorm::head ? norm->forward(heads_of(y)) : heads_of(norm->forward(y));
  };
  const torch::Tensor q = rotate(normed_heads(q_->forward(x), q_norm_), rotary_);
  const torch::Tensor k = rotate(normed_heads(k_->forward(x), k_norm_), rotary_);
  const torch::Tensor v = heads_of(v_->forward(x));
  Scoring scoring{.hidden = hidden_positions(length, {spec_.window, spec_.causal, lengths}),
                  .scale = spec_.scale.value_or(1 / std::sqrt(static_cast<double>(spec_.head_dim))) *
                           rope_score_scale(spec_.rope)};
  if (bias_table_ != nullptr)
    scoring.bias = relative_biases(bias_table_->weight, spec_.relative_bias, spec_.causal, length);
  torch::Tensor mixed = mix_heads(q, k, v, scoring);
  // One gate per head, or one per element of each.
  if (gate_ != nullptr)
    mixed = mixed * torch::sigmoid(gate_->forward(x)).view({batch, length, spec_.heads, -1});
  return o_->forward(mixed.reshape({batch, length, -1}));
}

}  // namespace coppice::lab
