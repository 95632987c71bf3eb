#pragma once
// Multi-head latent attention (DeepSeek-V2, 2024) over each sequence's own cache, which holds what the heads
// share: the normed latent vector of each position, then its turned key.
//
// The matrices that would expand the latent vectors to each head's keys and values are absorbed: K_h is
// applied to the query and V_h to what was mixed, so that all heads attend over the cached vectors
// themselves, whole prompts and single tokens alike.

#include <string>
#include <vector>

#include "model/linear.h"
#include "model/pass.h"
#include "model/rope_table.h"

namespace coppice {

class LatentAttention {
 public:
  LatentAttention(const LatentAttentionSpec& spec, WeightStore& weights, const std::string& prefix,
                  RopeTables& ropes);

  // y[row] = attention(x)[row]; new positions go into each slice's cache, whose length stays for the caller
  // to set. x and y have `pass.width` floats per row.
  void forward(const Pass& pass, const float* x, float* y);
  int64_t bytes() const {
    return compress_.bytes() + query_.bytes() + latent_.bytes() + expand_.bytes() + output_.bytes();
  }

 private:
  struct Task;
  void project(const Pass& pass, const float* x);
  void store_new(const Pass& pass, const Slice& slice, int64_t t);
  void attend(const Pass& pass, const Task& task);
  // Row `row` of the matrix that expands head `head`: plain_dim rows of keys, then value_dim of values.
  const void* expansion(int64_t head, int64_t row) const;

  LatentAttentionSpec spec_;
  float norm_epsilon_;
  Matrix compress_, query_, latent_, expand_, output_;  // compress_: of queries, or none
  std::vector<float> compress_norm_, latent_norm_;
  std::vector<float> compress_bias_, latent_bias_, output_bias_;
  std::shared_ptr<RopeTable> rope_;
  std::vector<float> compressed_, queries_, latents_, mixed_, wanted_;
};

}  // namespace coppice
