#pragma once
// The experts whose matrices lie each by themselves (ExpertStorage::separate). An expert stays in the mapped file until a
// token goes to it; then it is packed into panels, and the file's pages are given back. So a model starts with what the
// first tokens ask for.
//
// Without a limit an expert stays once it is packed; where weights are packed between passes, it is multiplied straight from
// the file the first time, since it may be the last. With a limit, panels lie in slots of equal size, and the expert that was
// used the longest ago makes room (LRU, as Eliseev and Mazur 2023 keep experts on a GPU). Slots rather than pieces of the
// right size: they never fragment, and their memory stays mapped, which matters because a page fault costs as much as
// packing its bytes. Experts of unequal widths take the room of the widest.
//
// With a limit, a thread packs ahead what the next mixture will probably ask for while the present one computes. It changes
// when an expert is read, never what is computed.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "model/weights.h"

namespace coppice {

// The matrices of an expert, which the file has below that prefix: gate, unless there is none, up, down.
std::vector<std::string> expert_matrices(const std::string& prefix, bool gated);

// What all such experts of a model take, told without reading them.
struct ExpertSizes {
  int64_t count = 0, largest_bytes = 0, bytes = 0;  // of all
  int64_t most_at_once = 0;                         // that one token uses in one layer

  static ExpertSizes of(const ModelFiles& files, WeightType type);
};

// Bytes of files that may be in memory besides, on their way into panels.
int64_t passing_bytes();

class ExpertStore {
 public:
  // A limit that has no room for the largest expert is an Error.
  ExpertStore(WeightStore& weights, WeightType type, PackWhen when, const ExpertMemory& memory);
  ~ExpertStore();
  ExpertStore(const ExpertStore&) = delete;
  ExpertStore& operator=(const ExpertStore&) = delete;

  // Takes up an expert and gives its number, the one after the last expert's. The last matrix is the down projection, of
  // neurons that may be silent (FfnBank).
  int64_t add(const std::vector<std::string>& names, bool silent_neurons = false);
  // Its matrices in the order of their names, with their data while the expert is held.
  std::span<const Matrix> matrices(int64_t expert) const { return entry(expert).matrices; }

  // How many of these experts, from the first on, can be held together.
  size_t fitting(std::span<const int64_t> experts) const;

  // While it lives, its experts keep their places.
  class Hold {
   public:
    Hold(Hold&& other) noexcept : store_(other.store_), experts_(std::move(other.experts_)) {
      other.store_ = nullptr;
    }
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (store_ != nullptr) store_->let_go(experts_);
    }

   private:
    friend class ExpertStore;
    Hold(ExpertStore& store, std::span<const int64_t> experts)
        : store_(&store), experts_(experts.begin(), experts.end()) {}
    ExpertStore* store_;
    std::vector<int64_t> experts_;
  };

  // Packs those of the experts that are not there, in parallel; no more than `fitting`, none twice. With `all_packed` none
  // is left to be multiplied straight from the file. One thread holds experts at a time. Damaged weights are an Error,
  // after which the store is as usable as before.
  Hold hold(std::span<const int64_t> experts, bool all_packed = false);

  // These will probably be held next: read ahead, as far as there is room. Replaces what was expected before.
  void expect(std::span<const int64_t> experts);
  bool looks_ahead() const { return thread_.joinable(); }

  bool is_resident(int64_t expert) const;
  ExpertTraffic traffic() const;
  void reset_traffic();

 private:
  enum class State { absent, straight, packing, resident };
  struct Entry {
    std::vector<std::string> names;
    std::vector<Matrix> matrices;
    bool silent_neurons = false;
    std::vector<LatePanels> late;  // of each matrix that is multiplied straight from the file
    std::byte* memory = nullptr;
    State state = State::absent;
    bool met = false;    // was held
    bool ahead = false;  // packed ahead and not held since
    int holds = 0;
    uint64_t used = 0;  // when, as a count of uses
  };

  Entry& entry(int64_t expert) { return entries_[static_cast<size_t>(expert)]; }
  const Entry& entry(int64_t expert) const { return entries_[static_cast<size_t>(expert)]; }
  static int64_t bytes_of(const Entry& expert);
  bool limited() const { return slots_ > 0; }
  void let_go(std::span<const int64_t> experts);
  void place(Entry& expert, std::byte* memory) const;
  void lay_open(Entry& expert) const;
  LatePanels source_of(Entry& expert, size_t matrix) const;
  std::byte* free_slot(uint64_t used_until);
  void settle(std::span<const int64_t> experts, bool packed);
  void pack(std::span<const int64_t> experts, bool ahead);
  void give_back(std::span<const LatePanels> sources);
  void pack_ahead();

  WeightStore& weights_;
  bool straight_first_ = false;
  int64_t slot_bytes_ = 0, slots_ = 0;  // 0: no limit
  std::deque<Entry> entries_;

  // Guards what follows and the entries' states. Panels are packed outside of it, by who set the state to packing.
  mutable std::mutex mutex_;
  std::vector<std::byte*> free_slots_;
  uint64_t uses_ = 0;
  ExpertTraffic traffic_;
  int64_t passing_ = 0;  // matrices packed since all pages of the files were given back
  std::deque<int64_t> expected_;
  uint64_t expected_since_ = 0;
  bool stopping_ = false;
  std::condition_variable settled_, expecting_;
  std::thread thread_;
};

}  // namespace coppice
