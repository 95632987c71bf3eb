#include "lab/nn/cross_attention.h"

#include "lab/nn/attention.h"

namespace coppice::lab {

CrossAttention::CrossAttention(const AttentionSpec& spec, int64_t width) : spec_(spec) {
  const int64_t query_width = spec.heads * spec.head_dim, key_width = spec.kv_heads * spec.head_dim;
  q_ = register_module("q_proj", std::make_shared<Linear>(width, query_width, spec.qkv_bias));
  k_ = register_module("k_proj", std::make_shared<Linear>(width, key_width, spec.qkv_bias));
  v_ = register_module("v_proj", std::make_shared<Linear>(width, key_width, spec.qkv_bias));
  o_ = register_module("o_proj", std::make_shared<Linear>(query_width, width, spec.output_bias));
}

torch::Tensor CrossAttention::forward(const torch::Tensor& x, const Source& source) {
  const int64_t batch = x.size(0), length = x.size(1), seen = source.states.size(1);
  const auto heads_of = [&](const torch::Tensor& y) {
    return y.view({batch, y.size(1), -1, spec_.head_dim});
  };
  torch::Tensor hidden = torch::zeros({length, seen}, torch::kBool);
  if (source.lengths.defined())
    hidden = (torch::arange(seen).unsqueeze(0) >= source.lengths.unsqueeze(1)).view({batch, 1, 1, seen});
  const torch::Tensor mixed =
      mix_heads(heads_of(q_->forward(x)), heads_of(k_->forward(source.states)),
                heads_of(v_->forward(source.states)), {.hidden = hidden, .scale = spec_.scale});
  return o_->forward(mixed.reshape({batch, length, -1}));
}

}  // namespace coppice::lab
