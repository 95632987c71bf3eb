#include "model/pass.h"

#include <algorithm>

#include "base/parallel.h"

namespace coppice {
namespace {

// Rows per task for work of a few operations per float: less is not worth waking a thread.
int64_t rows_per_task(int64_t width) {
  return std::max<int64_t>(1, (1 << 15) / width);
}

}  // namespace

void for_each_row(const Pass& pass, const std::function<void(int64_t row)>& work) {
  parallel_for(pass.rows, rows_per_task(pass.width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) work(row);
  });
}

void add_rows(const Pass& pass, float* y, const float* x) {
  parallel_for(pass.rows, rows_per_task(pass.width), [&](int64_t begin, int64_t end) {
    pass.kernels.add(y + begin * pass.width, x + begin * pass.width, pass.residual_scale,
                     (end - begin) * pass.width);
  });
}

}  // namespace coppice
