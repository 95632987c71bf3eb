#include "kernels/probe.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "kernels/isa.h"
#include "kernels/probe_tables.h"

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

namespace {

struct PeakProbe {
  float (*run)(int64_t rounds, float seed) = nullptr;
  int64_t operations = 0;
};

PeakProbe probe_of(Multiplied kind) {
  if (kind == Multiplied::f32) return {active().fma_probe, active().fma_probe_flops};
#if defined(__x86_64__)
  if (kind == Multiplied::bf16 && active_isa() >= Isa::avx512_bf16)
    return {bf16_probe, bf16_probe_operations};
  if (kind == Multiplied::int8 && active_isa() >= Isa::avx512_vnni)
    return {int8_probe, int8_probe_operations};
#endif
  return {};
}

}  // namespace

std::optional<double> measure_peak(Multiplied kind, int threads, double seconds) {
  constexpr int64_t rounds = 20000;
  const PeakProbe probe = probe_of(kind);
  if (probe.run == nullptr) return std::nullopt;
  double best = 0;
  const double end = now() + seconds;
  do {
    const double taken = timed(threads, [&](int) { sink = probe.run(rounds, 0.25f); });
    best = std::max(best, static_cast<double>(threads * rounds * probe.operations) / taken);
  } while (now() < end);
  return best;
}

}  // namespace coppice::kernels
