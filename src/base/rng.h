#pragma once
// Random numbers that are the same on every platform for a seed (the standard distributions are not).

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace coppice {

// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
class Rng {
 public:
  explicit Rng(uint64_t seed) {
    for (auto& word : state_) word = splitmix(seed);
  }

  // An independent stream for a named purpose, so that adding one consumer does not shift another's numbers.
  Rng fork(std::string_view purpose) const {
    uint64_t hash = 1469598103934665603ULL;  // FNV-1a
    for (const unsigned char c : purpose) hash = (hash ^ c) * 1099511628211ULL;
    return Rng(hash ^ state_[0] ^ rotate(state_[2], 23));
  }

  uint64_t next() {
    const uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  // Uniform integer in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    const uint64_t reject_below = (0 - bound) % bound;
    uint64_t value = next();
    while (value < reject_below) value = next();
    return value % bound;
  }

  // Uniform in [0, 1) with 53 random bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  // Standard normal by Box and Muller.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * 3.14159265358979323846 * uniform());
  }

  bool chance(double probability) { return uniform() < probability; }

  template <class Container>
  void shuffle(Container& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  template <class Container>
  const auto& pick(const Container& items) {
    return items[below(items.size())];
  }

  // Whole state, for checkpoints.
  std::span<uint64_t, 4> state() { return state_; }

 private:
  static uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  static uint64_t splitmix(uint64_t& seed) {
    uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  uint64_t state_[4];
};

}  // namespace coppice
