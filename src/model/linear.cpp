#include "model/linear.h"

#include <algorithm>
#include <array>

#include "base/parallel.h"
#include "model/panel_reader.h"

namespace coppice {

void run_in_tasks(std::span<const JobSize> jobs, const std::function<void(const RowTask& task)>& run) {
  constexpr int64_t least_work = 1 << 14;  // multiply-adds that take longer than handing a task to a thread
  int64_t total = 0;
  for (const auto& job : jobs) total += job.rows * job.work_per_row;
  constexpr int64_t tasks_per_thread = 64;  // what threads may end apart by is less than one task
  const int64_t wanted = std::max(least_work, total / (tasks_per_thread * thread_count()));
  std::vector<RowTask> tasks;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const int64_t rows = std::max<int64_t>(1, wanted / std::max<int64_t>(1, jobs[i].work_per_row));
    const int64_t multiple = jobs[i].row_multiple, step = (rows + multiple - 1) / multiple * multiple;
    for (int64_t begin = 0; begin < jobs[i].rows; begin += step)
      tasks.push_back({static_cast<int64_t>(i), begin, std::min(begin + step, jobs[i].rows)});
  }
  const auto count = static_cast<int64_t>(tasks.size());
  const int64_t grain = count * least_work / std::max<int64_t>(1, total);  // many tiny jobs share a thread
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      RowTask stretch = tasks[static_cast<size_t>(begin++)];
      for (; begin < end && tasks[static_cast<size_t>(begin)].job == stretch.job; ++begin)
        stretch.end = tasks[static_cast<size_t>(begin)].end;
      run(stretch);
    }
  });
}

void add_bias(const kernels::Kernels& kernels, const std::vector<float>& bias, int64_t first, int64_t count,
              int64_t tokens, float* y, int64_t stride) {
  if (bias.empty()) return;
  for (int64_t t = 0; t < tokens; ++t) kernels.add(y + t * stride, bias.data() + first, 1, count);
}

namespace {

void run_rows(const kernels::Kernels& kernels, const LinearJob& job, const RowTask& task, int64_t tokens) {
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
  add_bias(kernels, job.bias, task.begin, task.end - task.begin, tokens, y, w.rows);
}

void run_panels(const kernels::Kernels& kernels, const kernels::PackedKernels& packed, const LinearJob& job,
                const RowTask& task, const PackedRows& x) {
  constexpr int64_t panel_rows = kernels::panel_rows;
  const Matrix& w = job.weights;
  alignas(64) std::array<float, kernels::largest_tile * panel_rows> out;
  thread_local PanelRoom room;
  PanelReader panels(packed, w, room);
  const auto tiles = x.tiles(0);
  for (int64_t row = task.begin; row < task.end; row += panel_rows) {
    const int64_t count = std::min(panel_rows, w.rows - row);
    panels.go_to(row);
    for (size_t i = 0; i < tiles.size(); ++i) {
      const Tile& tile = tiles[i];
      for (int64_t t = 0; t < tile.tokens; ++t)
        ask_to_write(job.y + (tile.first + t) * w.rows + row, count * int64_t{sizeof(float)});
      panels.multiply(tiles, i, out.data());
      add_bias(kernels, job.bias, row, count, tile.tokens, out.data(), panel_rows);
      for (int64_t t = 0; t < tile.tokens; ++t)
        std::copy_n(out.data() + t * panel_rows, count, job.y + (tile.first + t) * w.rows + row);
    }
  }
}

// Inputs of jobs, each packed once for all jobs that read it.
struct PackedInput {
  const float* x = nullptr;
  int64_t columns = 0;
  PackedRows rows;
};

}  // namespace

void run_linear(const kernels::Kernels& kernels, std::span<const LinearJob> jobs, int64_t tokens) {
  if (tokens == 0) return;
  const kernels::PackedKernels& packed = kernels::active_packed();
  thread_local std::vector<PackedInput> inputs;  // kept for their memory
  size_t used = 0;
  std::vector<JobSize> sizes;
  std::vector<size_t> input_of(jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Matrix& w = jobs[i].weights;
    const bool in_panels = w.form == MatrixForm::panels;
    constexpr int64_t few_rows = 8;  // whole tiles of every product of rows
    sizes.push_back({w.rows, w.columns * tokens, in_panels ? int64_t{kernels::panel_rows} : few_rows});
    if (!in_panels) continue;
    const kernels::RowsType type = rows_for(packed, w.panel_shape.type);
    size_t& input = input_of[i];
    while (input < used && (inputs[input].x != jobs[i].x || inputs[input].columns != w.columns ||
                            inputs[input].rows.type() != type))
      ++input;
    if (input < used) continue;
    if (++used > inputs.size()) inputs.emplace_back();
    inputs[input].x = jobs[i].x;
    inputs[input].columns = w.columns;
    const TokenList list[] = {{tokens, w.columns}};
    const std::span<const int32_t> all[] = {{}};
    inputs[input].rows.arrange(packed, type, list);
    inputs[input].rows.fill(packed, jobs[i].x, w.columns, all);
  }
  const std::vector<PackedInput>& packed_inputs = inputs;  // the tasks' threads have vectors of their own
  run_in_tasks(sizes, [&](const RowTask& task) {
    const auto i = static_cast<size_t>(task.job);
    if (jobs[i].weights.form == MatrixForm::panels)
      run_panels(kernels, packed, jobs[i], task, packed_inputs[input_of[i]].rows);
    else
      run_rows(kernels, jobs[i], task, tokens);
  });
}

void run_linear(const kernels::Kernels& kernels, std::span<const LinearJob> jobs, int64_t tokens,
                size_t whole, int64_t wanted) {
  if (wanted == tokens) return run_linear(kernels, jobs, tokens);
  run_linear(kernels, jobs.first(whole), tokens);
  run_linear(kernels, jobs.subspan(whole), wanted);
}

}  // namespace coppice
