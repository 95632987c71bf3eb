#pragma once
// Products with weight matrices, split over threads by rows of the matrices.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/packed_rows.h"
#include "model/weights.h"

namespace coppice {

// A stretch of rows of one of several matrices.
struct RowTask {
  int64_t job = 0, begin = 0, end = 0;
};

// How much one job costs: rows, and multiply-adds per row. It is cut where a multiple of rows ends.
struct JobSize {
  int64_t rows = 0, work_per_row = 0, row_multiple = kernels::panel_rows;
};

// Cuts jobs into tasks, in order, and runs them in one parallel loop: tasks are large enough to be worth a
// thread, small enough that threads end together. Those of a job that a thread takes at once are run as one, so that memory
// is read in long streams. The cut never changes results.
void run_in_tasks(std::span<const JobSize> jobs, const std::function<void(const RowTask& task)>& run);

// Asks for memory that will be written to behind the next product, which takes longer than bringing it near.
inline void ask_to_write(const void* begin, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const std::byte*>(begin) + i, 1);
}

// y[t, i] += bias[first + i] for i below `count`; nothing if there is no bias.
void add_bias(const kernels::Kernels& kernels, const std::vector<float>& bias, int64_t first, int64_t count,
              int64_t tokens, float* y, int64_t stride);

// y[t, r] = sum over k of x[t, k] * w[r, k] (+ bias[r]).
struct LinearJob {
  const Matrix& weights;
  const std::vector<float>& bias;  // may be empty
  const float* x = nullptr;        // `weights.columns` floats per token, without gaps
  float* y = nullptr;              // `weights.rows` floats per token, without gaps
};

// All jobs in one parallel loop.
void run_linear(const kernels::Kernels& kernels, std::span<const LinearJob> jobs, int64_t tokens);
// The same, of which all but the first `whole` jobs are for `wanted` tokens: in one loop where those are all tokens.
void run_linear(const kernels::Kernels& kernels, std::span<const LinearJob> jobs, int64_t tokens,
                size_t whole, int64_t wanted);

}  // namespace coppice
