#include "model/expert_store.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/mapped_pages.h"
#include "base/progress.h"

namespace coppice {
namespace {

// Bytes of matrices as they lie in the files, or converted from them, that are packed in one go.
constexpr int64_t bytes_at_once = int64_t{32} << 20;

// The system maps pages of a matrix's neighbours along with its own: after so many matrices all pages of the files are given
// back.
constexpr int64_t matrices_in_passing = 64, bytes_of_neighbours = int64_t{1} << 17;

void add_sizes(ExpertSizes& sizes, const ModelFiles& files, WeightType type,
               const std::vector<BlockSpec>& blocks, const std::string& stack) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const MoeSpec* moe = moe_of(blocks[i]);
    if (moe == nullptr || moe->storage != ExpertStorage::separate) continue;
    sizes.most_at_once = std::max(sizes.most_at_once, moe->top_k);
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

}  // namespace

int64_t passing_bytes() {
  return bytes_at_once + matrices_in_passing * bytes_of_neighbours;
}

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
  slot_bytes_ = std::max<int64_t>(1, sizes.largest_bytes);
  slots_ = std::min(memory.bytes / slot_bytes_, sizes.count);
  if (slots_ == 0) {
    const auto shown = [](int64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
    throw Error({.where = weights.files().path().string(),
                 .found = fmt::format("{} of memory for experts", shown(memory.bytes)),
                 .expected = fmt::format("at least the {} of the largest one", shown(slot_bytes_)),
                 .advice = "allow more memory"},
                Fault::resource);
  }
  std::byte* first = weights.allocate(slots_ * slot_bytes_);
  for (int64_t slot = slots_; slot-- > 0;) free_slots_.push_back(first + slot * slot_bytes_);
  if (memory.look_ahead && slots_ < sizes.count) thread_ = std::thread([this] { pack_ahead(); });
}

ExpertStore::~ExpertStore() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  expecting_.notify_one();
  thread_.join();
}

int64_t ExpertStore::add(const std::vector<std::string>& names, bool silent_neurons) {
  Entry added{.names = names, .matrices = {}, .silent_neurons = silent_neurons};
  for (const auto& name : names) added.matrices.push_back(weights_.panels(name));
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::move(added));
  return static_cast<int64_t>(entries_.size()) - 1;
}

size_t ExpertStore::fitting(std::span<const int64_t> experts) const {
  return limited() ? std::min(experts.size(), static_cast<size_t>(slots_)) : experts.size();
}

void ExpertStore::place(Entry& expert, std::byte* memory) const {
  expert.memory = memory;
  for (Matrix& matrix : expert.matrices) {
    matrix.data = memory;
    matrix.late = nullptr;
    memory += matrix.bytes();
  }
}

// A matrix as it lies in the file; that is when its panels are chosen, which may be smaller than their place.
LatePanels ExpertStore::source_of(Entry& expert, size_t matrix) const {
  auto [rows, memory] = weights_.stored(expert.names[matrix]);
  const bool is_down = matrix + 1 == expert.names.size();
  weights_.choose_panels(expert.matrices[matrix], rows, is_down && expert.silent_neurons);
  return {std::move(rows), std::move(memory), nullptr};
}

// Lets its matrices be multiplied straight from the file.
void ExpertStore::lay_open(Entry& expert) const {
  expert.late.clear();
  for (size_t i = 0; i < expert.names.size(); ++i) expert.late.push_back(source_of(expert, i));
  for (size_t i = 0; i < expert.late.size(); ++i) expert.matrices[i].late = &expert.late[i];
  expert.state = State::straight;
}

// Room for an expert, given the lock: a slot that is free, or that of the expert used the longest ago and not after
// `used_until`; nullptr if there is none.
std::byte* ExpertStore::free_slot(uint64_t used_until) {
  if (!free_slots_.empty()) {
    std::byte* slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  Entry* oldest = nullptr;
  for (Entry& entry : entries_)
    if (entry.state == State::resident && entry.holds == 0 && entry.used <= used_until &&
        (oldest == nullptr || entry.used < oldest->used))
      oldest = &entry;
  if (oldest == nullptr) return nullptr;
  oldest->state = State::absent;
  oldest->ahead = false;
  ++traffic_.evictions;
  return std::exchange(oldest->memory, nullptr);
}

ExpertStore::Hold ExpertStore::hold(std::span<const int64_t> experts, bool all_packed) {
  COPPICE_CHECK(fitting(experts) == experts.size(), "as many experts as can be held together");
  Hold held(*this, experts);
  std::unique_lock lock(mutex_);
  expected_.clear();  // what was right of it is here
  for (const int64_t number : experts) ++entry(number).holds;
  for (const int64_t number : experts) {
    Entry& expert = entry(number);
    expert.used = ++uses_;
    ++traffic_.uses;
    traffic_.hits += expert.state == State::packing || expert.state == State::resident;
    traffic_.ahead_used += expert.ahead;
    expert.ahead = false;
    if (expert.state == State::straight) expert.state = State::absent;
    const bool met = std::exchange(expert.met, true);
    if (straight_first_ && !all_packed && !met && expert.state == State::absent)
      lay_open(expert);
    else if (!limited() && expert.memory == nullptr)
      place(expert, weights_.allocate(bytes_of(expert)));
  }
  const auto is_there = [this](int64_t number) {
    return entry(number).state == State::resident || entry(number).state == State::straight;
  };
  const auto is_packing = [this](int64_t number) { return entry(number).state == State::packing; };
  // What is being packed ahead is waited for, and packed here if that failed.
  while (!std::ranges::all_of(experts, is_there)) {
    std::vector<int64_t> missing;
    for (const int64_t number : experts) {
      Entry& expert = entry(number);
      if (expert.state != State::absent) continue;
      while (expert.memory == nullptr)
        if (std::byte* slot = free_slot(uses_))
          place(expert, slot);
        else
          settled_.wait(lock);
      expert.state = State::packing;
      missing.push_back(number);
    }
    if (!missing.empty()) {
      lock.unlock();
      pack(missing, false);
      lock.lock();
    }
    settled_.wait(lock, [&] { return std::ranges::none_of(experts, is_packing); });
  }
  return held;
}

void ExpertStore::let_go(std::span<const int64_t> experts) {
  const std::lock_guard lock(mutex_);
  for (const int64_t number : experts) --entry(number).holds;
}

void ExpertStore::expect(std::span<const int64_t> experts) {
  if (!looks_ahead()) return;
  {
    const std::lock_guard lock(mutex_);
    expected_.clear();
    expected_since_ = uses_;
    for (const int64_t number : experts) {
      Entry& expert = entry(number);
      expert.used = ++uses_;  // it is not to make room for the others
      if (expert.state == State::absent) expected_.push_back(number);
    }
    if (expected_.empty()) return;
  }
  expecting_.notify_one();
}

// The thread that packs ahead.
void ExpertStore::pack_ahead() {
  std::unique_lock lock(mutex_);
  for (;;) {
    expecting_.wait(lock, [this] { return stopping_ || !expected_.empty(); });
    if (stopping_) return;
    const int64_t number = expected_.front();
    expected_.pop_front();
    Entry& expert = entry(number);
    if (expert.state != State::absent) continue;
    std::byte* slot = free_slot(expected_since_);
    if (slot == nullptr) {
      expected_.clear();
      continue;
    }
    place(expert, slot);
    expert.state = State::packing;
    expert.ahead = true;
    ++traffic_.ahead;
    lock.unlock();
    try {
      pack({&number, 1}, true);
    } catch (const std::exception&) {  // whoever holds it will meet the same and tell
    }
    lock.lock();
  }
}

// Packs experts whose state is packing, and settles it.
void ExpertStore::pack(std::span<const int64_t> experts, bool ahead) {
  try {
    std::vector<LatePanels> sources;
    std::vector<PackJob> jobs;
    int64_t bytes = 0;
    const auto flush = [&] {
      if (!ahead) pack_matrices(jobs);
      for (const auto& job : jobs)
        if (ahead) pack_panels(job, 0, job.panels());
      give_back(sources);
      sources.clear(), jobs.clear();
      bytes = 0;
    };
    for (const int64_t number : experts) {
      Entry& expert = entry(number);
      for (size_t i = 0; i < expert.names.size(); ++i) {
        const Matrix& matrix = expert.matrices[i];
        const LatePanels& late = sources.emplace_back(source_of(expert, i));
        if (late.memory == nullptr) read_ahead(late.source.bytes);
        bytes += static_cast<int64_t>(late.source.bytes.size());
        jobs.push_back({matrix.panel_shape, late.source,
                        const_cast<std::byte*>(static_cast<const std::byte*>(matrix.data))});
        if (bytes >= bytes_at_once) flush();
      }
    }
    flush();
  } catch (...) {
    settle(experts, false);
    throw;
  }
  settle(experts, true);
}

void ExpertStore::give_back(std::span<const LatePanels> sources) {
  for (const auto& source : sources)
    if (source.memory == nullptr) release_pages(source.source.bytes);
  if (!limited()) return;
  {
    const std::lock_guard lock(mutex_);
    passing_ += static_cast<int64_t>(sources.size());
    if (passing_ < matrices_in_passing) return;
    passing_ = 0;
  }
  weights_.files().release_pages();
}

void ExpertStore::settle(std::span<const int64_t> experts, bool packed) {
  {
    const std::lock_guard lock(mutex_);
    for (const int64_t number : experts) {
      Entry& expert = entry(number);
      expert.state = packed ? State::resident : State::absent;
      if (packed) {
        traffic_.packed_bytes += bytes_of(expert);
        expert.late.clear();
        continue;
      }
      expert.ahead = false;
      if (limited()) free_slots_.push_back(std::exchange(expert.memory, nullptr));
    }
  }
  settled_.notify_all();
}

int64_t ExpertStore::bytes_of(const Entry& expert) {
  int64_t bytes = 0;
  for (const Matrix& matrix : expert.matrices) bytes += matrix.bytes();
  return bytes;
}

bool ExpertStore::is_resident(int64_t expert) const {
  const std::lock_guard lock(mutex_);
  return entry(expert).state == State::resident;
}

ExpertTraffic ExpertStore::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

void ExpertStore::reset_traffic() {
  const std::lock_guard lock(mutex_);
  traffic_ = {};
}

}  // namespace coppice
