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

void Pass::want(std::span<const int64_t> rows_of_slices) {
  int64_t first = 0;
  for (size_t i = 0; i < slices.size(); ++i) {
    slices[i].first_wanted = first;
    slices[i].wanted = rows_of_slices[i];
    first += slices[i].wanted;
  }
}

void Pass::keep_wanted() {
  if (!words.empty()) copy_wanted(*this, words.data(), 1, words.data());
  rows = wanted_rows();
  words.resize(std::min(words.size(), static_cast<size_t>(rows)));
  for (Slice& slice : slices) {
    slice.begin = slice.first_wanted;
    slice.count = slice.wanted;
  }
}

const float* wanted_of(const Pass& pass, const float* x, int64_t columns, std::vector<float>& room) {
  const int64_t wanted = pass.wanted_rows();
  if (wanted == pass.rows) return x;
  room.resize(static_cast<size_t>(wanted * columns));
  copy_wanted(pass, x, columns, room.data());
  return room.data();
}

void for_each_row(int64_t rows, int64_t width, const std::function<void(int64_t row)>& work) {
  parallel_for(rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) work(row);
  });
}

void for_each_row(const Pass& pass, const std::function<void(int64_t row)>& work) {
  for_each_row(pass.rows, pass.width, work);
}

void add_rows(const Pass& pass, float* y, const float* x) {
  parallel_for(pass.rows, rows_per_task(pass.width), [&](int64_t begin, int64_t end) {
    pass.kernels.add(y + begin * pass.width, x + begin * pass.width, pass.residual_scale,
                     (end - begin) * pass.width);
  });
}

}  // namespace coppice
