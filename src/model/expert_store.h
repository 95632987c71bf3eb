#pragma once
// The experts whose matrices lie each by themselves (ExpertStorage::separate). An expert stays in the file until a token goes
// to it; then it is packed into panels, each by the product that multiplies by it. So a model starts with what the first
// tokens ask for.
//
// Without a limit an expert's panels stay; where weights are packed between passes, those of the first time do not, since it
// may be the last. With a limit they lie in slots of equal size, for the experts that were used the most of late: uses count
// half after every `half_life` of them (LRFU; Lee et al. 2001). Who was used less than all of those is multiplied straight
// from the file, which costs less than making room for it in vain. Slots rather than pieces of the right size: they never
// fragment, and their memory stays mapped. They are as large as the largest expert met so far, so that pruned experts, whose
// panels are smaller, take less room.
//
// Where the file is not in the system's cache, what the next mixture will probably ask for is read ahead into it while the
// present one computes. It changes when an expert is read, never what is computed.

#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/weights.h"

namespace coppice {

// The matrices of an expert, which the file has below that prefix: gate, unless there is none, up, down.
std::vector<std::string> expert_matrices(const std::string& prefix, bool gated);

// What all such experts of a model take at most, told without reading them: those with many zeros take less.
struct ExpertSizes {
  int64_t count = 0, largest_bytes = 0, bytes = 0;  // of all

  static ExpertSizes of(const ModelFiles& files, WeightType type);
};

class ExpertStore {
 public:
  // In uses of any expert.
  static constexpr double half_life_per_expert = 8;

  // A limit that has no room for the largest expert is an Error.
  ExpertStore(WeightStore& weights, WeightType type, PackWhen when, const ExpertMemory& memory);
  ExpertStore(const ExpertStore&) = delete;
  ExpertStore& operator=(const ExpertStore&) = delete;

  // Takes up an expert and gives its number, the one after the last expert's. The last matrix is the down projection, of
  // neurons that may be silent (FfnBank).
  int64_t add(const std::vector<std::string>& names, bool silent_neurons = false);
  // Its matrices in the order of their names, to multiply by while the expert is held.
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

  // The experts, no more than `fitting`, none twice, to be multiplied by once while they are held. With `all_packed` those
  // that are not there are packed now. One at a time is held. Damaged weights are an Error, here or of the product, after
  // which the store is as usable as before.
  Hold hold(std::span<const int64_t> experts, bool all_packed = false);

  // These will probably be held next: reads ahead those of a file that is not in the system's cache.
  void expect(std::span<const int64_t> experts);
  // Whether that is of use: experts that were held of late had to be read from the disk.
  bool looks_ahead() const;

  bool is_resident(int64_t expert) const { return entry(expert).state == State::resident; }
  const ExpertTraffic& traffic() const { return traffic_; }
  void reset_traffic() { traffic_ = {}; }

 private:
  enum class State {
    absent,
    passing,  // held, and its panels are not kept
    filling,  // held, and its panels stay where they are packed to
    resident,
  };
  struct Entry {
    std::vector<std::string> names;
    std::vector<Matrix> matrices;
    bool silent_neurons = false;
    bool made = false;            // the file has one of its matrices in another form
    bool chosen = false;          // its panels are those that suit its numbers
    std::deque<LatePanels> late;  // of each matrix, while it is passing or filling
    std::byte* memory = nullptr;
    State state = State::absent;
    bool met = false;    // was held
    bool ahead = false;  // read ahead and not held since
    double score = 0;    // how much it was used of late
  };

  Entry& entry(int64_t expert) { return entries_[static_cast<size_t>(expert)]; }
  const Entry& entry(int64_t expert) const { return entries_[static_cast<size_t>(expert)]; }
  static int64_t bytes_of(const Entry& expert);
  bool limited() const { return budget_ > 0; }
  void use(int64_t number);
  void choose_panels(Entry& expert);
  void choose_panels(Entry& expert, size_t matrix, const StoredRows& rows) const;
  void make_slots(int64_t bytes);
  std::byte* room_for(int64_t number, std::span<const int64_t> held, bool in_any_case);
  void leave(int64_t number);
  static void place(Entry& expert, std::byte* memory);
  void open(int64_t number, std::span<const int64_t> held);
  void pack(int64_t number, std::span<const int64_t> held);
  bool read_ahead(const Entry& expert);
  void let_go(std::span<const int64_t> experts);

  WeightStore& weights_;
  bool straight_first_ = false, some_made_ = false;
  double half_life_ = 1;  // in uses
  int64_t budget_ = 0;    // bytes; 0: no limit
  int64_t slot_bytes_ = 0, slots_ = 0;
  std::byte* memory_ = nullptr;  // of the slots
  std::vector<std::byte*> free_slots_;
  std::deque<Entry> entries_;
  std::set<std::pair<double, int64_t>> residents_;  // with a limit, by their scores
  uint64_t uses_ = 0, last_cold_ = 0;
  ExpertTraffic traffic_;
};

}  // namespace coppice
