#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

namespace coppice {
namespace {

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int initial_threads() {
  if (const char* text = std::getenv("COPPICE_THREADS")) return std::clamp(std::atoi(text), 1, 1024);
  return available_cores();
}

thread_local bool inside_loop = false;

// Workers wait briefly in a spin for the next loop, since the loops of a forward pass follow each other within
// microseconds, then sleep. A loop is over when its ranges are done: a worker that the system had no core for meanwhile
// finds it closed and is not waited for.
class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }

  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  void run(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
    const std::lock_guard one_loop_at_a_time(loop_mutex_);
    body_ = &body;
    count_ = count;
    grain_ = grain;
    next_.store(0);
    failure_ = nullptr;
    entry_.store(0, std::memory_order_release);  // open
    {
      const std::lock_guard lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    take_ranges();
    entry_.fetch_or(closed, std::memory_order_acq_rel);
    constexpr int spins = 2000;
    for (int i = 0; entry_.load(std::memory_order_acquire) != closed; ++i)
      i < spins ? pause() : std::this_thread::yield();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static void pause() { __builtin_ia32_pause(); }

  // Where the range that begins there ends: a thread's share of half of what is left, so that ranges are long, as memory
  // likes them, and yet the last ones short, so that threads end together.
  int64_t end_of(int64_t begin) const {
    return std::min(count_, begin + std::max(grain_, (count_ - begin) / (2 * size())));
  }

  void take_ranges() {
    inside_loop = true;
    try {
      for (int64_t begin = next_.load(); begin < count_;) {
        const int64_t end = end_of(begin);
        if (!next_.compare_exchange_weak(begin, end)) continue;
        (*body_)(begin, end);
        begin = next_.load();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      next_.store(count_);
    }
    inside_loop = false;
  }

  // Joins the current loop unless it is closed.
  bool enter() {
    int inside = entry_.load(std::memory_order_acquire);
    while ((inside & closed) == 0)
      if (entry_.compare_exchange_weak(inside, inside + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  void work() {
    uint64_t seen = 0;
    for (;;) {
      constexpr int spins = 20000;
      for (int i = 0; i < spins && generation_.load(std::memory_order_acquire) == seen; ++i) pause();
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
      }
      seen = generation_.load(std::memory_order_acquire);
      if (stopping_) return;
      if (!enter()) continue;
      take_ranges();
      entry_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_, loop_mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  static constexpr int closed = 1 << 30;
  std::atomic<int> entry_{closed};  // workers inside the loop, and whether it takes no more
  std::atomic<int64_t> next_{0};
  const std::function<void(int64_t, int64_t)>* body_ = nullptr;
  int64_t count_ = 0, grain_ = 1;
  std::exception_ptr failure_;
  bool stopping_ = false;
};

std::mutex pool_mutex;
std::unique_ptr<Pool> pool;
int wanted_threads = 0;

Pool& current_pool() {
  const std::lock_guard lock(pool_mutex);
  if (wanted_threads == 0) wanted_threads = initial_threads();
  if (!pool || pool->size() != wanted_threads) {
    pool.reset();
    pool = std::make_unique<Pool>(wanted_threads);
  }
  return *pool;
}

}  // namespace

int thread_count() {
  const std::lock_guard lock(pool_mutex);
  if (wanted_threads == 0) wanted_threads = initial_threads();
  return wanted_threads;
}

void set_threads(int count) {
  const std::lock_guard lock(pool_mutex);
  wanted_threads = std::clamp(count, 1, 1024);
}

void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(1, grain);
  if (inside_loop || count <= grain || thread_count() == 1) return body(0, count);
  current_pool().run(count, grain, body);
}

}  // namespace coppice
