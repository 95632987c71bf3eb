#include "model/attend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/parallel.h"

namespace coppice {
namespace {

using kernels::block_positions;

// A run of query tokens of one sequence, for the query heads that share one key-value head, over some spans.
struct Task {
  const AttendSequence* sequence = nullptr;
  int64_t head = 0, begin = 0, count = 0;
  int64_t span = 0, spans = 0;
  int64_t kept = -1;  // where its result goes until all spans are there; -1: it has them all
};

// What spans give for some rows: see kernels::AttendArguments.
struct Sums {
  void resize(int64_t rows, int64_t width) {
    highest.resize(static_cast<size_t>(rows));
    total.resize(static_cast<size_t>(rows));
    mixed.resize(static_cast<size_t>(rows * width));
  }
  std::vector<float> highest, total, mixed;
};

class Attending {
 public:
  Attending(const AttendShape& shape, const RelativeBias* bias, const float* queries, float* mixed,
            int64_t width)
      : shape_(shape), bias_(bias), queries_(queries), mixed_(mixed), width_(width) {}

  void run(std::span<const AttendSequence> sequences);

 private:
  int64_t group() const { return shape_.heads / shape_.kv_heads; }
  int64_t stride() const { return shape_.heads * shape_.head_dim; }
  int64_t first_seen_by(int64_t position) const {
    return shape_.window == 0 ? 0 : std::max<int64_t>(0, position - shape_.window + 1);
  }
  int64_t end_seen_by(const AttendSequence& sequence, int64_t position) const {
    if (shape_.causal) return position + 1;
    return shape_.window == 0 ? sequence.known : std::min(sequence.known, position + shape_.window);
  }
  // Row `row` of a task: a token, and a head of the group.
  const float* query(const Task& task, int64_t row) const { return queries_ + place(task, row); }
  int64_t place(const Task& task, int64_t row) const {
    const int64_t token = task.sequence->row + task.begin + row / group();
    return token * stride() + (task.head * group() + row % group()) * shape_.head_dim;
  }

  void plan(const AttendSequence& sequence);
  void run(const Task& task);
  void attend_span(const Task& task, int64_t span, const float* packed, Sums& sums) const;
  void finish(const Task& task, const Sums& sums, int64_t first_row) const;

  const kernels::AttentionKernels& kernels_ = kernels::active_attention();
  AttendShape shape_;
  const RelativeBias* bias_;
  const float* queries_;
  float* mixed_;
  int64_t width_;
  std::vector<Task> tasks_, split_;  // split_: what the tasks with kept >= 0 are parts of
  int64_t kept_rows_ = 0, work_ = 0;
  Sums kept_;
};

void Attending::plan(const AttendSequence& sequence) {
  constexpr int64_t tokens_per_task = 32, few_rows = 64;
  work_ += sequence.count * sequence.known * stride();
  for (int64_t head = 0; head < shape_.kv_heads; ++head)
    // The last tokens see most, and come first.
    for (int64_t end = sequence.count; end > 0; end -= std::min(end, tokens_per_task)) {
      const int64_t begin = std::max<int64_t>(0, end - tokens_per_task);
      const int64_t span = first_seen_by(sequence.first + begin) / span_positions;
      const int64_t last = end_seen_by(sequence, sequence.first + end - 1) - 1;
      const Task task = {&sequence, head, begin, end - begin, span, last / span_positions - span + 1};
      const int64_t rows = task.count * group();
      if (task.spans == 1 || sequence.count * group() > few_rows) {
        tasks_.push_back(task);
        continue;
      }
      split_.push_back(task);
      split_.back().kept = kept_rows_;
      for (int64_t i = 0; i < task.spans; ++i, kept_rows_ += rows) {
        tasks_.push_back(task);
        tasks_.back().span += i;
        tasks_.back().spans = 1;
        tasks_.back().kept = kept_rows_;
      }
    }
}

void Attending::run(std::span<const AttendSequence> sequences) {
  for (const auto& sequence : sequences) plan(sequence);
  kept_.resize(kept_rows_, width_);
  constexpr int64_t least_work = 1 << 12;
  const auto count = static_cast<int64_t>(tasks_.size());
  const int64_t grain = std::max<int64_t>(1, count * least_work / std::max<int64_t>(1, work_));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(tasks_[static_cast<size_t>(i)]);
  });
  for (const auto& task : split_) {
    const int64_t rows = task.count * group();
    for (int64_t i = 1; i < task.spans; ++i)
      for (int64_t row = task.kept; row < task.kept + rows; ++row) {
        const auto all = static_cast<size_t>(row), one = static_cast<size_t>(row + i * rows);
        kernels_.merge(kept_.highest[one], kept_.total[one], kept_.mixed.data() + (row + i * rows) * width_,
                       width_, &kept_.highest[all], &kept_.total[all], kept_.mixed.data() + row * width_);
      }
    finish(task, kept_, task.kept);
  }
}

void Attending::run(const Task& task) {
  const int64_t rows = task.count * group();
  thread_local std::vector<float> packed;
  thread_local Sums all, one;
  packed.resize(static_cast<size_t>(rows * width_));
  for (int64_t row = 0; row < rows; ++row)
    kernels_.pack_query(task.sequence->blocks->element(), query(task, row), shape_.head_dim, shape_.scale,
                        width_, packed.data() + row * width_);
  all.resize(rows, width_);
  attend_span(task, task.span, packed.data(), all);
  if (task.kept >= 0) {
    std::copy(all.highest.begin(), all.highest.end(), kept_.highest.begin() + task.kept);
    std::copy(all.total.begin(), all.total.end(), kept_.total.begin() + task.kept);
    std::copy(all.mixed.begin(), all.mixed.end(), kept_.mixed.begin() + task.kept * width_);
    return;
  }
  for (int64_t i = 1; i < task.spans; ++i) {
    one.resize(rows, width_);
    attend_span(task, task.span + i, packed.data(), one);
    for (int64_t row = 0; row < rows; ++row) {
      const auto at = static_cast<size_t>(row);
      kernels_.merge(one.highest[at], one.total[at], one.mixed.data() + row * width_, width_,
                     &all.highest[at], &all.total[at], all.mixed.data() + row * width_);
    }
  }
  finish(task, all, 0);
}

void Attending::attend_span(const Task& task, int64_t span, const float* packed, Sums& sums) const {
  const AttendSequence& sequence = *task.sequence;
  const int64_t start = span * span_positions, rows = task.count * group();
  thread_local std::vector<int32_t> begin, end;
  thread_local std::vector<const float*> biases;
  thread_local std::vector<const void*> blocks;
  begin.clear();
  end.clear();
  biases.clear();
  blocks.clear();
  int64_t least = span_positions, most = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t position = sequence.first + task.begin + row / group();
    const auto in_span = [start](int64_t at) { return std::clamp<int64_t>(at - start, 0, span_positions); };
    begin.push_back(static_cast<int32_t>(in_span(first_seen_by(position))));
    end.push_back(static_cast<int32_t>(in_span(end_seen_by(sequence, position))));
    if (begin.back() >= end.back()) continue;
    least = std::min<int64_t>(least, begin.back());
    most = std::max<int64_t>(most, end.back());
  }
  if (bias_ != nullptr)
    for (int64_t row = 0; row < rows; ++row)
      biases.push_back(bias_->biases(task.head * group() + row % group(),
                                     sequence.first + task.begin + row / group(), start));
  for (int64_t at = 0; at < most; at += block_positions)
    blocks.push_back(at + block_positions <= least
                         ? nullptr  // nobody sees it
                         : sequence.blocks->block(task.head, (start + at) / block_positions));
  kernels_.attend({.element = sequence.blocks->element(),
                   .width = width_,
                   .queries = packed,
                   .rows = rows,
                   .begin = begin.data(),
                   .end = end.data(),
                   .biases = bias_ != nullptr ? biases.data() : nullptr,
                   .blocks = blocks.data(),
                   .highest = sums.highest.data(),
                   .total = sums.total.data(),
                   .mixed = sums.mixed.data()});
}

void Attending::finish(const Task& task, const Sums& sums, int64_t first_row) const {
  const int64_t rows = task.count * group();
  for (int64_t row = 0; row < rows; ++row)
    kernels_.finish(sums.total[static_cast<size_t>(first_row + row)],
                    sums.mixed.data() + (first_row + row) * width_, shape_.head_dim,
                    mixed_ + place(task, row));
}

}  // namespace

void attend(const AttendShape& shape, std::span<const AttendSequence> sequences, const RelativeBias* bias,
            const float* queries, float* mixed) {
  if (sequences.empty()) return;
  Attending(shape, bias, queries, mixed, sequences.front().blocks->width()).run(sequences);
}

float score_scale(const AttentionSpec& spec) {
  const float by_rope = static_cast<float>(rope_score_scale(spec.rope));
  if (spec.scale) return static_cast<float>(*spec.scale) * by_rope;
  return by_rope / std::sqrt(static_cast<float>(spec.head_dim));
}

}  // namespace coppice
