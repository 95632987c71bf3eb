#include "lab/nn/attention.h"

#include <cmath>
#include <limits>

namespace coppice::lab {

RotaryTable rotary_table(const RopeSpec& rope, int64_t head_dim, int64_t length, torch::ScalarType type) {
  const std::vector<double> frequencies = rope_frequencies(rope, head_dim);
  const torch::Tensor position = torch::arange(length, torch::kDouble).unsqueeze(1);
  const torch::Tensor angle = position * torch::tensor(frequencies, torch::kDouble).unsqueeze(0);
  return {angle.cos().to(type), angle.sin().to(type)};
}

torch::Tensor rotate(const torch::Tensor& x, const RotaryTable& table) {
  const int64_t length = x.size(1), half = x.size(3) / 2;
  const torch::Tensor cosine = table.cosine.narrow(0, 0, length).unsqueeze(1);
  const torch::Tensor sine = table.sine.narrow(0, 0, length).unsqueeze(1);
  const torch::Tensor a = x.narrow(3, 0, half), b = x.narrow(3, half, half);
  return torch::cat({a * cosine - b * sine, b * cosine + a * sine}, 3);
}

torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  const int64_t length = q.size(1), heads = q.size(2), group = heads / k.size(2);
  const auto by_head = [group](const torch::Tensor& x) {
    const torch::Tensor moved = x.transpose(1, 2);
    return group == 1 ? moved : moved.repeat_interleave(group, 1);
  };
  const torch::Tensor keys = by_head(k), values = by_head(v);
  const torch::Tensor future = torch::ones({length, length}, q.options().dtype(torch::kBool)).triu(1);
  const torch::Tensor scores = torch::matmul(q.transpose(1, 2), keys.transpose(2, 3)) / std::sqrt(q.size(3));
  const torch::Tensor shares =
      torch::softmax(scores.masked_fill(future, -std::numeric_limits<double>::infinity()), -1);
  return torch::matmul(shares, values).transpose(1, 2);
}

Attention::Attention(const AttentionSpec& spec, int64_t width) : spec_(spec) {
  const int64_t query_width = spec.heads * spec.head_dim, key_width = spec.kv_heads * spec.head_dim;
  q_ = register_module("q_proj", std::make_shared<Linear>(width, query_width, spec.qkv_bias));
  k_ = register_module("k_proj", std::make_shared<Linear>(width, key_width, spec.qkv_bias));
  v_ = register_module("v_proj", std::make_shared<Linear>(width, key_width, spec.qkv_bias));
  o_ = register_module("o_proj", std::make_shared<Linear>(query_width, width, spec.output_bias));
}

torch::Tensor Attention::forward(const torch::Tensor& x) {
  const int64_t batch = x.size(0), length = x.size(1);
  if (!rotary_.cosine.defined() || rotary_.cosine.size(0) < length ||
      rotary_.cosine.scalar_type() != x.scalar_type())
    rotary_ = rotary_table(spec_.rope, spec_.head_dim, length, x.scalar_type());
  const auto heads_of = [&](const torch::Tensor& y) { return y.view({batch, length, -1, spec_.head_dim}); };
  const torch::Tensor q = rotate(heads_of(q_->forward(x)), rotary_);
  const torch::Tensor k = rotate(heads_of(k_->forward(x)), rotary_);
  const torch::Tensor v = heads_of(v_->forward(x));
  return o_->forward(causal_attention(q, k, v).reshape({batch, length, -1}));
}

}  // namespace coppice::lab
