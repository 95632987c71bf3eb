#include "model/short_conv.h"

#include <algorithm>

namespace coppice {

ShortConv::ShortConv(const ShortConvSpec& spec, WeightStore& weights, const std::string& prefix)
    : kernel_size_(spec.kernel_size),
      input_(weights.matrix(prefix + "in_proj.weight")),
      output_(weights.matrix(prefix + "out_proj.weight")) {
  if (spec.bias) {
    input_bias_ = weights.vector(prefix + "in_proj.bias");
    conv_bias_ = weights.vector(prefix + "conv.bias");
    output_bias_ = weights.vector(prefix + "out_proj.bias");
  }
  const auto stored = weights.vector(prefix + "conv.weight");  // (width, 1, kernel_size)
  const auto size = static_cast<size_t>(kernel_size_), width = stored.size() / size;
  taps_.resize(stored.size());
  for (size_t channel = 0; channel < width; ++channel)
    for (size_t k = 0; k < size; ++k) taps_[k * width + channel] = stored[channel * size + k];
}

void ShortConv::forward(const Pass& pass, const float* x, float* y) {
  const auto size = static_cast<size_t>(pass.rows * pass.width);
  parts_.resize(3 * size);
  gated_.resize(size);
  mixed_.resize(size);
  const LinearJob projection[] = {{input_, input_bias_, x, parts_.data()}};
  run_linear(pass.kernels, projection, pass.rows);
  for_each_row(pass, [&](int64_t row) {
    const float* b = parts_.data() + row * 3 * pass.width;
    const float* u = b + 2 * pass.width;
    float* gated = gated_.data() + row * pass.width;
    for (int64_t i = 0; i < pass.width; ++i) gated[i] = b[i] * u[i];
  });

  std::vector<const Slice*> slice_of(static_cast<size_t>(pass.rows));
  for (const auto& slice : pass.slices) std::fill_n(slice_of.begin() + slice.begin, slice.count, &slice);
  for_each_row(pass, [&](int64_t row) {
    const Slice& slice = *slice_of[static_cast<size_t>(row)];
    convolve(pass, slice, row - slice.begin);
  });
  for (const auto& slice : pass.slices) {
    auto& state = slice.cache->state<ShortConvState>(pass.layer);
    const int64_t kept = state.kept(), old = std::max<int64_t>(0, kept - slice.count), fresh = kept - old;
    std::copy_n(state.history() + (kept - old) * pass.width, old * pass.width, state.next());
    std::copy_n(gated_.data() + (slice.begin + slice.count - fresh) * pass.width, fresh * pass.width,
                state.next() + old * pass.width);
  }
  copy_wanted(pass, mixed_.data(), pass.width, mixed_.data());
  const LinearJob output[] = {{output_, output_bias_, mixed_.data(), y}};
  run_linear(pass.kernels, output, pass.wanted_rows());
}

// The convolution at new token `t` of a slice, times its gate.
void ShortConv::convolve(const Pass& pass, const Slice& slice, int64_t t) {
  const int64_t width = pass.width, row = slice.begin + t;
  const float* last = slice.cache->state<ShortConvState>(pass.layer).last();
  float* mixed = mixed_.data() + row * width;
  if (conv_bias_.empty())
    std::fill_n(mixed, width, 0.0f);
  else
    std::copy_n(conv_bias_.data(), width, mixed);
  for (int64_t k = 0; k < kernel_size_; ++k) {
    const int64_t from = t + k - (kernel_size_ - 1);  // among the new tokens; below 0: among those before
    const float* input =
        from < 0 ? last + (kernel_size_ - 1 + from) * width : gated_.data() + (slice.begin + from) * width;
    const float* tap = taps_.data() + k * width;
    for (int64_t i = 0; i < width; ++i) mixed[i] += tap[i] * input[i];
  }
  const float* gate = parts_.data() + row * 3 * width + width;
  for (int64_t i = 0; i < width; ++i) mixed[i] *= gate[i];
}

}  // namespace coppice
