#include "kernels/probe.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "kernels/isa.h"

namespace coppice::kernels {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Keeps a result from being optimised away.
std::atomic<float> sink{0};

// Runs body(thread) on `threads` threads at once; seconds from the first start to the last end.
double timed(int threads, const std::function<void(int)>& body) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> pool;
  for (int i = 1; i < threads; ++i)
    pool.emplace_back([&, i] {
      ++ready;
      while (!go) std::this_thread::yield();
      body(i);
    });
  while (ready < threads - 1) std::this_thread::yield();
  const double start = now();
  go = true;
  body(0);
  for (auto& thread : pool) thread.join();
  return now() - start;
}

}  // namespace

double measure_read_bandwidth(int threads, double seconds, int64_t bytes) {
  const std::vector<float> buffer(static_cast<size_t>(bytes / 4), 1.0f);
  const auto share = static_cast<int64_t>(buffer.size()) / threads;
  double best = 0;
  const double end = now() + seconds;
  do {
    const double taken =
        timed(threads, [&](int i) { sink = active().read_probe(buffer.data() + i * share, share); });
    best = std::max(best, static_cast<double>(share * 4 * threads) / taken);
  } while (now() < end);
  return best;
}

double measure_peak_flops(int threads, double seconds) {
  constexpr int64_t rounds = 20000;
  double best = 0;
  const double end = now() + seconds;
  do {
    const double taken = timed(threads, [&](int) { sink = active().fma_probe(rounds, 0.25f); });
    best = std::max(best, static_cast<double>(threads * rounds * active().fma_probe_flops) / taken);
  } while (now() < end);
  return best;
}

}  // namespace coppice::kernels
