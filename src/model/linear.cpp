#include "model/linear.h"

#include <algorithm>

#include "base/parallel.h"

namespace coppice {

void run_in_tasks(std::span<const JobSize> jobs, const std::function<void(const RowTask& task)>& run) {
  constexpr int64_t least_work = 1 << 16;  // multiply-adds that take longer than handing a task to a thread
  constexpr int64_t row_multiple = 16;     // whole tiles and whole cache lines of output
  int64_t total = 0;
  for (const auto& job : jobs) total += job.rows * job.work_per_row;
  const int64_t wanted = std::max(least_work, total / (8 * thread_count()));
  std::vector<RowTask> tasks;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const int64_t rows = std::max<int64_t>(1, wanted / std::max<int64_t>(1, jobs[i].work_per_row));
    const int64_t step = (rows + row_multiple - 1) / row_multiple * row_multiple;
    for (int64_t begin = 0; begin < jobs[i].rows; begin += step)
      tasks.push_back({static_cast<int64_t>(i), begin, std::min(begin + step, jobs[i].rows)});
  }
  const auto count = static_cast<int64_t>(tasks.size());
  const int64_t grain = count * least_work / std::max<int64_t>(1, total);  // many tiny jobs share a thread
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(tasks[static_cast<size_t>(i)]);
  });
}

namespace {

void run_task(const kernels::Kernels& kernels, const LinearJob& job, const RowTask& task, int64_t tokens) {
  const Matrix& w = job.weights;
  float* y = job.y + task.begin;
  kernels.product({.x = job.x,
                   .x_stride = w.columns,
                   .tokens = tokens,
                   .w = static_cast<const std::byte*>(w.data) + task.begin * w.row_bytes(),
                   .element = w.element,
                   .rows = task.end - task.begin,
                   .in = w.columns,
                   .y = y,
                   .y_stride = w.rows});
  if (job.bias.empty()) return;
  for (int64_t t = 0; t < tokens; ++t)
    kernels.add(y + t * w.rows, job.bias.data() + task.begin, 1, task.end - task.begin);
}

}  // namespace

void run_linear(const kernels::Kernels& kernels, std::span<const LinearJob> jobs, int64_t tokens) {
  std::vector<JobSize> sizes;
  for (const auto& job : jobs) sizes.push_back({job.weights.rows, job.weights.columns * tokens});
  run_in_tasks(sizes, [&](const RowTask& task) {
    run_task(kernels, jobs[static_cast<size_t>(task.job)], task, tokens);
  });
}

}  // namespace coppice
