#include "lab/nn/latent_attention.h"

namespace coppice::lab {

LatentAttention::LatentAttention(const LatentAttentionSpec& spec, int64_t width) : spec_(spec) {
  const auto norm = [&spec](int64_t size) {
    return std::make_shared<Norm>(NormKind::rms, size, spec.norm_epsilon);
  };
  const int64_t queries = spec.heads * spec.query_dim();
  if (spec.query_rank > 0) {
    compress_ = register_module("q_a_proj", std::make_shared<Linear>(width, spec.query_rank, spec.bias));
    compress_norm_ = register_module("q_a_layernorm", norm(spec.query_rank));
    query_ = register_module("q_b_proj", std::make_shared<Linear>(spec.query_rank, queries));
  } else {
    query_ = register_module("q_proj", std::make_shared<Linear>(width, queries));
  }
  latent_ = register_module("kv_a_proj_with_mqa",
                            std::make_shared<Linear>(width, spec.latent_rank + spec.rotary_dim, spec.bias));
  latent_norm_ = register_module("kv_a_layernorm", norm(spec.latent_rank));
  expand_ = register_module(
      "kv_b_proj",
      std::make_shared<Linear>(spec.latent_rank, spec.heads * (spec.plain_dim + spec.value_dim)));
  output_ =
      register_module("o_proj", std::make_shared<Linear>(spec.heads * spec.value_dim, width, spec.bias));
}

torch::Tensor LatentAttention::forward(const torch::Tensor& x, const torch::Tensor&) {
  const int64_t batch = x.size(0), length = x.size(1);
  extend(rotary_, spec_.rope, spec_.rotary_dim, length, x.scalar_type());
  const auto heads_of = [&](const torch::Tensor& y) { return y.view({batch, length, spec_.heads, -1}); };
  const torch::Tensor q =
      heads_of(query_->forward(compress_ == nullptr ? x : compress_norm_->forward(compress_->forward(x))));
  const torch::Tensor latent = latent_->forward(x);
  const torch::Tensor kv =
      heads_of(expand_->forward(latent_norm_->forward(latent.narrow(2, 0, spec_.latent_rank))));
  // One turned key for all heads.
  const torch::Tensor shared =
      rotate(latent.narrow(2, spec_.latent_rank, spec_.rotary_dim).unsqueeze(2), rotary_)
          .expand({batch, length, spec_.heads, spec_.rotary_dim});
  const torch::Tensor queries = torch::cat(
      {q.narrow(3, 0, spec_.plain_dim), rotate(q.narrow(3, spec_.plain_dim, spec_.rotary_dim), rotary_)}, 3);
  const torch::Tensor keys = torch::cat({kv.narrow(3, 0, spec_.plain_dim), shared}, 3);
  const torch::Tensor values = kv.narrow(3, spec_.plain_dim, spec_.value_dim);
  const torch::Tensor mixed = causal_attention(queries * rope_score_scale(spec_.rope), keys, values);
  return output_->forward(mixed.reshape({batch, length, -1}));
}

}  // namespace coppice::lab
