// The search for scales. An element x is worth w = rms + |x| (of its part), or x^2 where there is no minimum: large
// weights matter more to a product than their number says. Of each part, candidates of the step give integers q; for
// given q the best step and minimum are those of weighted least squares,
//   min over s, m of sum w (x - (s q - m))^2:  a linear system of two unknowns,
// and the candidate with the least error is kept. The parts' scales are then rounded to small integers times one
// number for the block, all q are chosen anew for what the rounding left, and the block's number is fitted by least
// squares over the whole block; a step that makes the block worse is undone.
//
// Blocks are searched for at magnitude 1 and scaled back, so that squares of tiny weights do not vanish.

#include "format/gguf_quantize_k.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "format/float16.h"

namespace coppice {
namespace {

constexpr float smallest = 1e-30f;  // below it every F16 scale is 0

void put_half(uint8_t* at, float value) {
  const uint16_t bits = float_to_f16(value);
  std::memcpy(at, &bits, sizeof bits);
}

// What a reader finds there.
float as_half(float value) {
  return f16_to_float(float_to_f16(value));
}

float largest_magnitude(const float* x) {
  float largest = 0;
  for (int i = 0; i < k_block_elements; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

// The whole number in [0, most] that is nearest to v.
int nearest_level(float v, float most) {
  return static_cast<int>(std::min(most, std::max(0.0f, v)) + 0.5f);
}

constexpr int parts = 8, part_size = 32;

// x ~ scale * q - min, with neither below 0.
struct Step {
  float scale = 0, min = 0;
};

struct Sums {
  float w = 0, x = 0, xx = 0, q = 0, qq = 0, xq = 0;  // each weighted
};

// The step of least squares for the sums over one part, and its error.
Step fit(const Sums& sums, float& error) {
  Step step;
  const float determinant = sums.w * sums.qq - sums.q * sums.q;
  if (determinant > 1e-6f * sums.w * sums.qq) {
    step.scale = (sums.w * sums.xq - sums.x * sums.q) / determinant;
    step.min = (sums.q * sums.xq - sums.qq * sums.x) / determinant;
  }
  if (step.scale <= 0 || step.min < 0) {
    step.min = 0;
    step.scale = sums.qq > 0 ? std::max(0.0f, sums.xq / sums.qq) : 0.0f;
  }
  error = sums.xx + step.scale * step.scale * sums.qq + step.min * step.min * sums.w -
          2 * step.scale * sums.xq + 2 * step.min * sums.x - 2 * step.scale * step.min * sums.q;
  return step;
}

Step search_step(const float* x, const float* w, float most) {
  float low = 0, high = x[0];
  Sums fixed;
  for (int i = 0; i < part_size; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    fixed.w += w[i];
    fixed.x += w[i] * x[i];
    fixed.xx += w[i] * x[i] * x[i];
  }
  if (high - low < smallest) return {.scale = 0, .min = -low};
  Step best{.scale = (high - low) / most, .min = -low};
  float least = INFINITY;
  const auto consider = [&](float scale, float min) {
    Sums sums = fixed;
    const float inverse = 1 / scale;
    for (int i = 0; i < part_size; ++i) {
      const auto q = static_cast<float>(nearest_level((x[i] + min) * inverse, most));
      sums.q += w[i] * q;
      sums.qq += w[i] * q * q;
      sums.xq += w[i] * x[i] * q;
    }
    float error = 0;
    const Step step = fit(sums, error);
    if (!(error < least) || step.scale < smallest) return false;
    least = error;
    best = step;
    return true;
  };
  constexpr int candidates = 12;
  for (int c = 0; c <= candidates; ++c)
    consider((high - low) / (most - 1.5f + 2.5f * static_cast<float>(c) / candidates), -low);
  for (int round = 0; round < 3 && consider(best.scale, best.min); ++round) continue;
  return best;
}

struct Rounded {
  float d = 0, d_min = 0;
  std::array<int, parts> scales{}, mins{};
  std::array<uint8_t, k_block_elements> q{};
};

// All q of a block for its scales, and the weighted error.
float choose_levels(const float* x, const float* w, float most, Rounded& block) {
  float error = 0;
  for (int j = 0; j < parts; ++j) {
    const auto p = static_cast<size_t>(j);
    const float scale = block.d * static_cast<float>(block.scales[p]),
                min = block.d_min * static_cast<float>(block.mins[p]);
    const float inverse = scale > 0 ? 1 / scale : 0.0f;
    float part_error = 0;
    for (int i = j * part_size; i < (j + 1) * part_size; ++i) {
      const int q = nearest_level((x[i] + min) * inverse, most);
      block.q[static_cast<size_t>(i)] = static_cast<uint8_t>(q);
      const float off = x[i] - (scale * static_cast<float>(q) - min);
      part_error += w[i] * off * off;
    }
    error += part_error;
  }
  return error;
}

// The error of one part for a scale and a minimum.
float part_error(const float* x, const float* w, float scale, float min, float most) {
  const float inverse = scale > 0 ? 1 / scale : 0.0f;
  float error = 0;
  for (int i = 0; i < part_size; ++i) {
    const float off = x[i] - (scale * static_cast<float>(nearest_level((x[i] + min) * inverse, most)) - min);
    error += w[i] * off * off;
  }
  return error;
}

// d and d_min of least squares for the integers of a block.
void refit(const float* x, const float* w, Rounded& block, float unit) {
  double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
  for (int i = 0; i < k_block_elements; ++i) {
    const auto p = static_cast<size_t>(i / part_size);
    const double a = block.scales[p] * static_cast<int>(block.q[static_cast<size_t>(i)]), b = -block.mins[p];
    aa += w[i] * a * a, ab += w[i] * a * b, bb += w[i] * b * b;
    xa += w[i] * x[i] * a, xb += w[i] * x[i] * b;
  }
  const double determinant = aa * bb - ab * ab;
  double d = aa > 0 ? (xa - ab * static_cast<double>(block.d_min)) / aa : 0, d_min = block.d_min;
  if (determinant > 1e-9 * aa * bb) {
    d = (xa * bb - xb * ab) / determinant;
    d_min = (aa * xb - ab * xa) / determinant;
  }
  if (d <= 0 || d_min < 0) return;
  block.d = as_half(static_cast<float>(d) * unit) / unit;
  block.d_min = as_half(static_cast<float>(d_min) * unit) / unit;
}

// The scales and minima of a block of 256 floats in [-1, 1], whose true magnitude is `unit`.
Rounded search_block(const float* x, float most, float unit) {
  std::array<float, k_block_elements> w;
  std::array<Step, parts> steps;
  Rounded block;
  float largest_scale = 0, largest_min = 0;
  for (int j = 0; j < parts; ++j) {
    const float* part = x + j * part_size;
    float squares = 0;
    for (int i = 0; i < part_size; ++i) squares += part[i] * part[i];
    const float rms = std::sqrt(squares / part_size);
    float* weights = w.data() + j * part_size;
    for (int i = 0; i < part_size; ++i) weights[i] = rms + std::fabs(part[i]);
    const Step step = steps[static_cast<size_t>(j)] = search_step(part, weights, most);
    largest_scale = std::max(largest_scale, step.scale);
    largest_min = std::max(largest_min, step.min);
  }
  constexpr float top = 63;
  block.d = as_half(largest_scale / top * unit) / unit;
  block.d_min = as_half(largest_min / top * unit) / unit;
  // Of each part, the pair of integers around its scale and minimum with the least error.
  const auto choose_integers = [&](Rounded& candidate) {
    for (size_t p = 0; p < parts; ++p) {
      const float* part = x + p * part_size;
      const float* weights = w.data() + p * part_size;
      const int scale = candidate.d > 0 ? nearest_level(steps[p].scale / candidate.d, top) : 0,
                min = candidate.d_min > 0 ? nearest_level(steps[p].min / candidate.d_min, top) : 0;
      float least = INFINITY;
      for (int s = std::max(0, scale - 1); s <= std::min(63, scale + 1); ++s)
        for (int m = std::max(0, min - 1); m <= std::min(63, min + 1); ++m) {
          const float error = part_error(part, weights, candidate.d * static_cast<float>(s),
                                         candidate.d_min * static_cast<float>(m), most);
          if (!(error < least)) continue;
          least = error;
          candidate.scales[p] = s;
          candidate.mins[p] = m;
        }
    }
  };
  choose_integers(block);
  float error = choose_levels(x, w.data(), most, block);
  for (int round = 0; round < 3; ++round) {
    Rounded better = block;
    refit(x, w.data(), better, unit);
    if (round == 0) choose_integers(better);
    const float now = choose_levels(x, w.data(), most, better);
    if (!(now < error)) break;
    error = now;
    block = better;
  }
  return block;
}

// Eight 6-bit scales and minima in 12 bytes.
void pack_scales(const Rounded& block, uint8_t* packed) {
  for (size_t j = 0; j < 4; ++j) {
    const int scale = block.scales[j], min = block.mins[j], upper_scale = block.scales[j + 4],
              upper_min = block.mins[j + 4];
    packed[j] = static_cast<uint8_t>(scale | (upper_scale >> 4) << 6);
    packed[j + 4] = static_cast<uint8_t>(min | (upper_min >> 4) << 6);
    packed[j + 8] = static_cast<uint8_t>((upper_scale & 15) | (upper_min & 15) << 4);
  }
}

// Both types with minima; `bits` is 4 or 5.
void write_with_minima(const float* x, int bits, uint8_t* block) {
  const auto size = static_cast<size_t>(bits == 4 ? 144 : 176);
  std::memset(block, 0, size);
  const float unit = largest_magnitude(x);
  if (unit < smallest) return;
  std::array<float, k_block_elements> scaled;
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] = x[i] / unit;
  const Rounded found = search_block(scaled.data(), bits == 4 ? 15.0f : 31.0f, unit);
  put_half(block, found.d * unit);
  put_half(block + 2, found.d_min * unit);
  pack_scales(found, block + 4);
  uint8_t *high = block + 16, *low = block + (bits == 4 ? 16 : 48);
  for (int j = 0; j < parts; ++j)
    for (int l = 0; l < part_size; ++l) {
      const int q = found.q[static_cast<size_t>(j * part_size + l)];
      low[j / 2 * 32 + l] |= static_cast<uint8_t>((q & 15) << (j % 2 * 4));
      if (bits == 5) high[l] |= static_cast<uint8_t>((q >> 4) << j);
    }
}

constexpr int fine_parts = 16, fine_size = 16;

// Whole numbers in [-32, 31], moved up by 32.
int signed_level(float v) {
  return nearest_level(v + 32, 63);
}

// The scale, of either sign, that gives 16 floats back best with w = x^2.
float search_scale(const float* x) {
  float extreme = 0;
  for (int i = 0; i < fine_size; ++i)
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  if (std::fabs(extreme) < smallest) return 0;
  float best = 0, most = -1;
  const auto consider = [&](float scale) {
    const float inverse = 1 / scale;
    float xq = 0, qq = 0;
    for (int i = 0; i < fine_size; ++i) {
      const auto q = static_cast<float>(signed_level(x[i] * inverse) - 32);
      const float w = x[i] * x[i];
      xq += w * x[i] * q;
      qq += w * q * q;
    }
    // The error is sum w x^2 - xq^2 / qq for the best scale xq / qq.
    if (!(qq > 0) || !(xq * xq > most * qq)) return false;
    most = xq * xq / qq;
    best = xq / qq;
    return true;
  };
  constexpr int candidates = 9;
  for (int c = -candidates; c <= candidates; ++c) consider(extreme / (-32.0f + 0.1f * static_cast<float>(c)));
  for (int round = 0; round < 2 && std::fabs(best) >= smallest && consider(best); ++round) continue;
  return best;
}

}  // namespace

void write_q4_k(const float* x, uint8_t* block) {
  write_with_minima(x, 4, block);
}

void write_q5_k(const float* x, uint8_t* block) {
  write_with_minima(x, 5, block);
}

void write_q6_k(const float* x, uint8_t* block) {
  std::memset(block, 0, 210);
  const float unit = largest_magnitude(x);
  if (unit < smallest) return;
  std::array<float, k_block_elements> scaled;
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] = x[i] / unit;
  std::array<float, fine_parts> found;
  float extreme = 0;
  for (size_t p = 0; p < fine_parts; ++p) {
    found[p] = search_scale(scaled.data() + p * fine_size);
    if (std::fabs(found[p]) > std::fabs(extreme)) extreme = found[p];
  }
  float d = as_half(extreme / -128 * unit) / unit;
  std::array<int, fine_parts> scales{};
  std::array<int, k_block_elements> q{};
  const auto choose = [&](float step, std::array<int, k_block_elements>& levels) {
    float error = 0;
    for (size_t i = 0; i < scaled.size(); ++i) {
      const float scale = step * static_cast<float>(scales[i / fine_size]);
      levels[i] = scale != 0 ? signed_level(scaled[i] / scale) - 32 : 0;
      const float off = scaled[i] - scale * static_cast<float>(levels[i]);
      error += scaled[i] * scaled[i] * off * off;
    }
    return error;
  };
  if (d != 0)
    for (size_t p = 0; p < fine_parts; ++p)
      scales[p] = std::clamp(static_cast<int>(std::lround(found[p] / d)), -128, 127);
  float error = choose(d, q);
  for (int round = 0; round < 2; ++round) {
    double xq = 0, qq = 0;
    for (size_t i = 0; i < scaled.size(); ++i) {
      const double w = static_cast<double>(scaled[i]) * scaled[i], level = scales[i / fine_size] * q[i];
      xq += w * scaled[i] * level;
      qq += w * level * level;
    }
    if (!(qq > 0)) break;
    const float fitted = as_half(static_cast<float>(xq / qq) * unit) / unit;
    std::array<int, k_block_elements> levels{};
    const float now = choose(fitted, levels);
    if (!(now < error)) break;
    error = now;
    d = fitted;
    q = levels;
  }
  put_half(block + 208, d * unit);
  for (size_t p = 0; p < fine_parts; ++p)
    block[192 + p] = static_cast<uint8_t>(static_cast<int8_t>(scales[p]));
  for (int half = 0; half < 2; ++half)
    for (int row = 0; row < 4; ++row)
      for (int l = 0; l < 32; ++l) {
        const int level = q[static_cast<size_t>(half * 128 + row * 32 + l)] + 32;
        block[half * 64 + row % 2 * 32 + l] |= static_cast<uint8_t>((level & 15) << (row / 2 * 4));
        block[128 + half * 32 + l] |= static_cast<uint8_t>((level >> 4) << (2 * row));
      }
}

}  // namespace coppice
