// The bodies of the posting kernels in plain C++, for every instruction set; COPPICE_ISA_NAMESPACE says which. No
// include guard: each translation unit includes it once.

#include <math.h>
#include <string.h>

#include "kernels/posting_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {
namespace {

inline uint32_t packed_number(const uint8_t* packed, int bits, uint64_t mask, int i) {
  const uint64_t at = static_cast<uint64_t>(i) * static_cast<uint64_t>(bits);
  uint64_t word;
  memcpy(&word, packed + at / 8, sizeof word);
  return static_cast<uint32_t>(word >> at % 8 & mask);
}

inline void unpack_scalar(const uint8_t* packed, int bits, int count, uint32_t* values) {
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  for (int i = 0; i < count; ++i) values[i] = packed_number(packed, bits, mask, i) + 1;
}

inline void unpack_ascending_scalar(const uint8_t* packed, int bits, int count, uint32_t previous,
                                    uint32_t* docs) {
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  for (int i = 0; i < count; ++i) {
    previous += packed_number(packed, bits, mask, i) + 1;
    docs[i] = previous;
  }
}

inline void add_saturated_scalar(const uint32_t* docs, const uint32_t* values, int count,
                                 const uint8_t* lengths, const float* norms, float weight, uint32_t begin,
                                 uint32_t size, int32_t* scores, uint8_t* touched) {
  for (int i = 0; i < count; ++i) {
    const uint32_t at = docs[i] - begin;
    if (at >= size) continue;
    touched[at / 64] = 1;
    const float value = static_cast<float>(values[i]);
    scores[at] += static_cast<int32_t>(lrintf(weight * (value / (value + norms[lengths[docs[i]]]))));
  }
}

inline void add_linear_scalar(const uint32_t* docs, const uint32_t* values, int count, float weight,
                              uint32_t begin, uint32_t size, int32_t* scores, uint8_t* touched) {
  for (int i = 0; i < count; ++i) {
    const uint32_t at = docs[i] - begin;
    if (at >= size) continue;
    touched[at / 64] = 1;
    scores[at] += static_cast<int32_t>(lrintf(weight * static_cast<float>(values[i])));
  }
}

inline int collect_above_scalar(int32_t* scores, uint8_t* touched, int count, int32_t threshold,
                                uint32_t base, uint32_t* docs, int32_t* kept) {
  int found = 0;
  for (int begin = 0; begin < count; begin += 64) {
    if (touched[begin / 64] == 0) continue;
    touched[begin / 64] = 0;
    const int end = begin + 64 < count ? begin + 64 : count;
    for (int i = begin; i < end; ++i) {
      docs[found] = base + static_cast<uint32_t>(i);
      kept[found] = scores[i];
      found += scores[i] > threshold;
      scores[i] = 0;
    }
  }
  return found;
}

}  // namespace
}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
