#include "model/expert_store.h"

#include <algorithm>
#include <cmath>

#include "base/progress.h"

namespace coppice {
namespace {

void add_sizes(ExpertSizes& sizes, const ModelFiles& files, WeightType type,
               const std::vector<BlockSpec>& blocks, const std::string& stack) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const MoeSpec* moe = moe_of(blocks[i]);
    if (moe == nullptr || moe->storage != ExpertStorage::separate) continue;
    for (int64_t e = 0; e < moe->experts(); ++e) {
      int64_t bytes = 0;
      for (const auto& name :
           expert_matrices(fmt::format("{}layers.{}.mlp.experts.{}.", stack, i, e), moe->gated))
        bytes += panels_for(files, name, type).bytes();
      ++sizes.count;
      sizes.bytes += bytes;
      sizes.largest_bytes = std::max(sizes.largest_bytes, bytes);
    }
  }
}

// Where the panels of a matrix that has a place are written.
std::byte* panels_of(const Matrix& matrix) {
  return const_cast<std::byte*>(static_cast<const std::byte*>(matrix.data));
}

}  // namespace

std::vector<std::string> expert_matrices(const std::string& prefix, bool gated) {
  std::vector<std::string> names;
  if (gated) names.push_back(prefix + "gate_proj.weight");
  names.push_back(prefix + "up_proj.weight");
  names.push_back(prefix + "down_proj.weight");
  return names;
}

ExpertSizes ExpertSizes::of(const ModelFiles& files, WeightType type) {
  ExpertSizes sizes;
  add_sizes(sizes, files, type, files.spec().blocks, "model.");
  if (files.spec().encoder) add_sizes(sizes, files, type, files.spec().encoder->blocks, "model.encoder.");
  return sizes;
}

ExpertStore::ExpertStore(WeightStore& weights, WeightType type, PackWhen when, const ExpertMemory& memory)
    : weights_(weights), straight_first_(when == PackWhen::between_passes && memory.bytes == 0) {
  if (memory.bytes == 0) return;
  const ExpertSizes sizes = ExpertSizes::of(weights.files(), type);
  if (sizes.count == 0) return;
  if (memory.bytes < sizes.largest_bytes) {
    const auto shown = [](int64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
    throw Error({.where = weights.files().path().string(),
                 .found = fmt::format("{} of memory for experts", shown(memory.bytes)),
                 .expected = fmt::format("at least the {} of the largest one", shown(sizes.largest_bytes)),
                 .advice = "allow more memory"},
                Fault::resource);
  }
  half_life_ = half_life_per_expert * static_cast<double>(sizes.count);
  budget_ = std::min(memory.bytes, sizes.count * std::max<int64_t>(1, sizes.largest_bytes));
  memory_ = weights.allocate(budget_);
}

int64_t ExpertStore::add(const std::vector<std::string>& names, bool silent_neurons) {
  Entry& added = entries_.emplace_back();
  added.names = names;
  added.silent_neurons = silent_neurons;
  for (const auto& name : names) {
    added.matrices.push_back(weights_.panels(name));
    added.made = added.made || weights_.files().form(name).made;
  }
  some_made_ = some_made_ || added.made;
  return static_cast<int64_t>(entries_.size()) - 1;
}

// What is made in memory takes it until it is packed, and so is packed by itself into a slot.
size_t ExpertStore::fitting(std::span<const int64_t> experts) const {
  if (!limited() || !some_made_) return experts.size();
  const int64_t slots = slots_ > 0 ? slots_ : 1;
  return std::min(experts.size(), static_cast<size_t>(slots));
}

// Scores are logarithms of sums over uses of 2^(time of the use / half life), which keep their order as time goes by.
void ExpertStore::use(int64_t number) {
  Entry& expert = entry(number);
  const bool resident = residents_.erase({expert.score, number}) > 0;
  const double now = static_cast<double>(++uses_) / half_life_, later = std::max(now, expert.score),
               earlier = std::min(now, expert.score);
  expert.score = expert.met ? later + std::log2(1 + std::exp2(earlier - later)) : now;
  if (resident) residents_.insert({expert.score, number});
}

void ExpertStore::choose_panels(Entry& expert, size_t matrix, const StoredRows& rows) const {
  const bool is_down = matrix + 1 == expert.names.size();
  weights_.choose_panels(expert.matrices[matrix], rows, is_down && expert.silent_neurons);
}

// The panels that suit the numbers of an expert, for which they are looked at once. Of one that is made in memory they are
// chosen when it is packed, and take no less room than any.
void ExpertStore::choose_panels(Entry& expert) {
  if (!expert.made && !expert.chosen)
    for (size_t i = 0; i < expert.names.size(); ++i)
      choose_panels(expert, i, weights_.stored(expert.names[i]).rows);
  expert.chosen = true;
  const int64_t bytes = std::max<int64_t>(1, bytes_of(expert));  // an expert may have no neurons
  if (limited() && bytes > slot_bytes_) make_slots(bytes);
}

// Slots of another size, all of them free.
void ExpertStore::make_slots(int64_t bytes) {
  while (!residents_.empty()) leave(residents_.begin()->second);
  slot_bytes_ = bytes;
  slots_ = budget_ / bytes;
  free_slots_.clear();
  for (int64_t slot = slots_; slot-- > 0;) free_slots_.push_back(memory_ + slot * slot_bytes_);
}

// Gives an expert's slot back.
void ExpertStore::leave(int64_t number) {
  Entry& expert = entry(number);
  residents_.erase({expert.score, number});
  expert.state = State::absent;
  free_slots_.push_back(std::exchange(expert.memory, nullptr));
  ++traffic_.evictions;
}

// Where an expert is to be packed to: without a limit in memory of its own, with one in a free slot or that of the expert that
// was used the least of late, unless that is held or, but `in_any_case`, was used more than this one. Else nullptr.
std::byte* ExpertStore::room_for(int64_t number, std::span<const int64_t> held, bool in_any_case) {
  Entry& expert = entry(number);
  if (!limited()) return expert.memory != nullptr ? expert.memory : weights_.allocate(bytes_of(expert));
  if (free_slots_.empty()) {
    const auto least = std::ranges::find_if(residents_, [&](const auto& resident) {
      return std::ranges::find(held, resident.second) == held.end();
    });
    if (least == residents_.end() || (!in_any_case && expert.score < least->first)) return nullptr;
    leave(least->second);
  }
  std::byte* slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void ExpertStore::place(Entry& expert, std::byte* memory) {
  expert.memory = memory;
  for (Matrix& matrix : expert.matrices) {
    matrix.data = memory;
    matrix.late = nullptr;
    memory += matrix.bytes();
  }
}

// Lets its matrices be multiplied straight from the file, and where there is room keeps the panels.
void ExpertStore::open(int64_t number, std::span<const int64_t> held) {
  Entry& expert = entry(number);
  const bool first_time = !std::exchange(expert.met, true);
  std::byte* room = straight_first_ && first_time ? nullptr : room_for(number, held, false);
  if (room != nullptr) place(expert, room);
  expert.state = room != nullptr ? State::filling : State::passing;
  for (size_t i = 0; i < expert.names.size(); ++i) {
    Matrix& matrix = expert.matrices[i];
    auto [rows, memory] = weights_.stored(expert.names[i]);
    std::byte* keep = room == nullptr ? nullptr : panels_of(matrix);
    matrix.late = &expert.late.emplace_back(std::move(rows), std::move(memory), keep);
  }
}

// Packs an expert by itself.
void ExpertStore::pack(int64_t number, std::span<const int64_t> held) {
  Entry& expert = entry(number);
  expert.met = true;
  std::byte* room = room_for(number, held, true);
  COPPICE_CHECK(room != nullptr, "as many experts as can be held together");
  place(expert, room);
  expert.state = State::filling;
  for (size_t i = 0; i < expert.names.size(); ++i) {
    Matrix& matrix = expert.matrices[i];
    const auto [rows, memory] = weights_.stored(expert.names[i]);
    if (expert.made) choose_panels(expert, i, rows);
    LatePanels& late = expert.late.emplace_back(rows, nullptr);
    pack_matrix(matrix.panel_shape, rows, panels_of(matrix));
    late.packed = matrix.panels();
  }
}

// Whether the system has to read it from the disk.
bool ExpertStore::read_ahead(const Entry& expert) {
  if (expert.made) return false;
  bool reads = false;
  for (const auto& name : expert.names) {
    const StoredRows rows = weights_.stored(name).rows;
    reads |= rows.file->read_ahead(rows.bytes);
  }
  if (reads) last_cold_ = uses_ + 1;
  return reads;
}

ExpertStore::Hold ExpertStore::hold(std::span<const int64_t> experts, bool all_packed) {
  COPPICE_CHECK(fitting(experts) == experts.size(), "as many experts as can be held together");
  for (const int64_t number : experts)
    if (entry(number).state == State::absent) {
      read_ahead(entry(number));
      choose_panels(entry(number));
    }
  Hold held(*this, experts);
  for (const int64_t number : experts) {
    use(number);
    Entry& expert = entry(number);
    ++traffic_.uses;
    traffic_.ahead_used += std::exchange(expert.ahead, false);
    if (expert.state == State::resident) {
      ++traffic_.hits;
    } else if (all_packed || expert.made) {
      pack(number, experts);
    } else {
      open(number, experts);
    }
  }
  return held;
}

void ExpertStore::let_go(std::span<const int64_t> experts) {
  for (const int64_t number : experts) {
    Entry& expert = entry(number);
    if (expert.state != State::passing && expert.state != State::filling) continue;
    bool whole = expert.late.size() == expert.matrices.size();
    for (size_t i = 0; i < expert.late.size(); ++i)
      whole &= expert.late[i].packed == expert.matrices[i].panels();
    if (whole) traffic_.packed_bytes += bytes_of(expert);
    for (Matrix& matrix : expert.matrices) matrix.late = nullptr;
    expert.late.clear();
    if (expert.state == State::filling && whole) {
      expert.state = State::resident;
      if (limited()) residents_.insert({expert.score, number});
      continue;
    }
    if (expert.state == State::filling && limited())
      free_slots_.push_back(std::exchange(expert.memory, nullptr));
    expert.state = State::absent;
  }
}

void ExpertStore::expect(std::span<const int64_t> experts) {
  for (const int64_t number : experts) {
    Entry& expert = entry(number);
    if (expert.state != State::absent || !read_ahead(expert)) continue;
    expert.ahead = true;
    ++traffic_.ahead;
  }
}

bool ExpertStore::looks_ahead() const {
  constexpr uint64_t of_late = 1000;
  return last_cold_ > 0 && uses_ < last_cold_ + of_late;
}

int64_t ExpertStore::bytes_of(const Entry& expert) {
  int64_t bytes = 0;
  for (const Matrix& matrix : expert.matrices) bytes += matrix.bytes();
  return bytes;
}

}  // namespace coppice
