#include "model/ffn.h"

#include <algorithm>

namespace coppice {

kernels::Unit unit_of(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return kernels::Unit::silu;
    case Activation::gelu:
      return kernels::Unit::gelu;
    case Activation::gelu_tanh:
      return kernels::Unit::gelu_tanh;
    case Activation::relu:
      return kernels::Unit::relu;
  }
  COPPICE_CHECK(false, "every activation has a kernel");
}

FfnBank load_bank(WeightStore& weights, const std::string& prefix, bool gated, bool bias,
                  Activation activation, bool transpose_down) {
  FfnBank bank{.gated = gated, .down_is_transposed = transpose_down, .unit = unit_of(activation)};
  const std::string down = prefix + "down_proj.weight";
  if (gated) bank.gate = weights.matrix(prefix + "gate_proj.weight");
  bank.up = weights.matrix(prefix + "up_proj.weight");
  bank.down = transpose_down ? weights.transposed(down) : weights.matrix(down);
  if (bias) {
    if (gated) bank.gate_bias = weights.vector(prefix + "gate_proj.bias");
    bank.up_bias = weights.vector(prefix + "up_proj.bias");
    bank.down_bias = weights.vector(prefix + "down_proj.bias");
  }
  return bank;
}

namespace {

// Hidden neurons [begin, end) of a job for all its tokens; `hidden` has job.width() floats per token.
void hidden_task(const Pass& pass, const FfnJob& job, int64_t begin, int64_t end, const float* x,
                 float* hidden) {
  const FfnBank& bank = *job.bank;
  const int64_t tokens = job.tokens(pass), width = job.width(), count = end - begin;
  const auto project = [&](const Matrix& w, const std::vector<float>& bias, float* y, int64_t stride) {
    const bool gathered = !job.neurons.empty();
    pass.kernels.product({.x = x,
                          .x_stride = pass.width,
                          .x_rows = job.rows.empty() ? nullptr : job.rows.data(),
                          .tokens = tokens,
                          .w = static_cast<const std::byte*>(w.data) + (gathered ? 0 : begin * w.row_bytes()),
                          .element = w.element,
                          .w_rows = gathered ? job.neurons.data() + begin : nullptr,
                          .rows = count,
                          .in = w.columns,
                          .y = y,
                          .y_stride = stride});
    if (bias.empty()) return;
    for (int64_t t = 0; t < tokens; ++t) pass.kernels.add(y + t * stride, bias.data() + begin, 1, count);
  };
  float* out = hidden + begin;
  if (!bank.gated) {
    project(bank.up, bank.up_bias, out, width);
    for (int64_t t = 0; t < tokens; ++t) pass.kernels.activate(bank.unit, out + t * width, nullptr, count);
    return;
  }
  thread_local std::vector<float> up;
  up.resize(static_cast<size_t>(tokens * count));
  project(bank.gate, bank.gate_bias, out, width);
  project(bank.up, bank.up_bias, up.data(), count);
  for (int64_t t = 0; t < tokens; ++t)
    pass.kernels.activate(bank.unit, out + t * width, up.data() + t * count, count);
}

// Columns [begin, end) of a job's output for all its tokens, into `out` with `stride` floats per token.
void down_task(const Pass& pass, const FfnJob& job, int64_t begin, int64_t end, const float* hidden,
               float* out, int64_t stride) {
  const Matrix& w = job.bank->down;
  const auto* data = static_cast<const std::byte*>(w.data);
  if (job.bank->down_is_transposed) {
    pass.kernels.combine({.h = hidden,
                          .h_stride = job.width(),
                          .tokens = job.tokens(pass),
                          .w = data + begin * (w.row_bytes() / w.columns),
                          .element = w.element,
                          .w_stride = w.columns,
                          .w_rows = job.neurons.empty() ? nullptr : job.neurons.data(),
                          .neurons = job.width(),
                          .columns = end - begin,
                          .y = out,
                          .y_stride = stride});
  } else {
    pass.kernels.product({.x = hidden,
                          .x_stride = job.width(),
                          .tokens = job.tokens(pass),
                          .w = data + begin * w.row_bytes(),
                          .element = w.element,
                          .rows = end - begin,
                          .in = w.columns,
                          .y = out,
                          .y_stride = stride});
  }
  if (job.bank->down_bias.empty()) return;
  for (int64_t t = 0; t < job.tokens(pass); ++t)
    pass.kernels.add(out + t * stride, job.bank->down_bias.data() + begin, 1, end - begin);
}

// Columns [begin, end) of y: every job's output, in order.
void sum_task(const Pass& pass, std::span<const FfnJob> jobs, const std::vector<int64_t>& offsets,
              const float* hidden, int64_t begin, int64_t end, float* y) {
  thread_local std::vector<float> part;
  const int64_t columns = end - begin;
  bool written = false;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const FfnJob& job = jobs[i];
    if (!written && job.rows.empty() && job.weights.empty()) {
      down_task(pass, job, begin, end, hidden + offsets[i], y + begin, pass.width);
      written = true;
      continue;
    }
    if (!written)
      for (int64_t row = 0; row < pass.rows; ++row) std::fill_n(y + row * pass.width + begin, columns, 0.0f);
    written = true;
    const int64_t tokens = job.tokens(pass);
    part.resize(static_cast<size_t>(tokens * columns));
    down_task(pass, job, begin, end, hidden + offsets[i], part.data(), columns);
    for (int64_t t = 0; t < tokens; ++t) {
      const int64_t row = job.rows.empty() ? t : job.rows[static_cast<size_t>(t)];
      const float weight = job.weights.empty() ? 1.0f : job.weights[static_cast<size_t>(t)];
      pass.kernels.add(y + row * pass.width + begin, part.data() + t * columns, weight, columns);
    }
  }
}

}  // namespace

void run_ffn(const Pass& pass, std::span<const FfnJob> jobs, const float* x, float* y) {
  std::vector<JobSize> sizes;
  std::vector<int64_t> offsets;
  int64_t hidden_size = 0, down_work = 0;
  for (const auto& job : jobs) {
    const int64_t neurons = job.width() * job.tokens(pass);
    sizes.push_back({job.width(), pass.width * job.tokens(pass) * (job.bank->gated ? 2 : 1)});
    offsets.push_back(hidden_size);
    hidden_size += neurons;
    down_work += neurons;
  }
  if (hidden_size == 0) {
    std::fill_n(y, pass.rows * pass.width, 0.0f);
    if (jobs.empty()) return;
  }
  std::vector<float> hidden(static_cast<size_t>(hidden_size));
  run_in_tasks(sizes, [&](const RowTask& task) {
    const auto job = static_cast<size_t>(task.job);
    hidden_task(pass, jobs[job], task.begin, task.end, x, hidden.data() + offsets[job]);
  });
  const JobSize output[] = {{pass.width, down_work}};
  run_in_tasks(output, [&](const RowTask& task) {
    sum_task(pass, jobs, offsets, hidden.data(), task.begin, task.end, y);
  });
}

void DenseFfn::forward(const Pass& pass, const float* x, float* y) {
  const FfnJob jobs[] = {{.bank = &bank_}};
  run_ffn(pass, jobs, x, y);
}

}  // namespace coppice
