// AVX-512 F and BW. Sixteen numbers of up to 17 bits are unpacked at once: a permutation of 16-bit words puts the two
// words that hold the i-th number into lane i, and a shift per lane brings it down.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512
#include <immintrin.h>

#include "kernels/postings/scalar.h"

namespace coppice::kernels::avx512 {
namespace {

enum : int { widest_permuted = 17 };

struct Unpacking {
  __m512i words[widest_permuted + 1];   // for each width: word indices 2 a lane
  __m512i shifts[widest_permuted + 1];  // and how far to shift each lane
};

const Unpacking& unpacking() {
  static const Unpacking all = [] {
    Unpacking made;
    for (int bits = 0; bits <= widest_permuted; ++bits) {
      uint16_t words[32];
      uint32_t shifts[16];
      for (int i = 0; i < 16; ++i) {
        words[2 * i] = static_cast<uint16_t>(i * bits / 16);
        words[2 * i + 1] = static_cast<uint16_t>((i * bits / 16 + 1) % 32);
        shifts[i] = static_cast<uint32_t>(i * bits % 16);
      }
      made.words[bits] = _mm512_loadu_si512(words);
      made.shifts[bits] = _mm512_loadu_si512(shifts);
    }
    return made;
  }();
  return all;
}

// Sixteen numbers from `packed`, which starts at a whole byte since sixteen numbers fill 2 * bits bytes.
inline __m512i sixteen(const uint8_t* packed, __m512i words, __m512i shifts, __m512i mask) {
  const __m512i loaded = _mm512_loadu_si512(packed);
  return _mm512_and_si512(_mm512_srlv_epi32(_mm512_permutexvar_epi16(words, loaded), shifts), mask);
}

void unpack(const uint8_t* packed, int bits, int count, uint32_t* values) {
  if (bits > widest_permuted) return unpack_scalar(packed, bits, count, values);
  const __m512i words = unpacking().words[bits], shifts = unpacking().shifts[bits];
  const __m512i mask = _mm512_set1_epi32(static_cast<int>((1u << bits) - 1)), one = _mm512_set1_epi32(1);
  for (int i = 0; i < count; i += 16, packed += 2 * bits)
    _mm512_storeu_si512(values + i, _mm512_add_epi32(sixteen(packed, words, shifts, mask), one));
}

// Sums of the lanes up to each lane.
inline __m512i running_sums(__m512i x) {
  const __m512i zero = _mm512_setzero_si512();
  x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 15));
  x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 14));
  x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 12));
  return _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 8));
}

void unpack_ascending(const uint8_t* packed, int bits, int count, uint32_t previous, uint32_t* docs) {
  if (bits > widest_permuted) return unpack_ascending_scalar(packed, bits, count, previous, docs);
  const __m512i words = unpacking().words[bits], shifts = unpacking().shifts[bits];
  const __m512i mask = _mm512_set1_epi32(static_cast<int>((1u << bits) - 1)), one = _mm512_set1_epi32(1);
  const __m512i last_lane = _mm512_set1_epi32(15);
  __m512i before = _mm512_set1_epi32(static_cast<int>(previous));
  for (int i = 0; i < count; i += 16, packed += 2 * bits) {
    const __m512i steps = _mm512_add_epi32(sixteen(packed, words, shifts, mask), one);
    const __m512i sums = _mm512_add_epi32(running_sums(steps), before);
    _mm512_storeu_si512(docs + i, sums);
    before = _mm512_permutexvar_epi32(last_lane, sums);
  }
}

// Adds `added` to the scores at the lanes of `mask`. Written as single additions: this processor family scatters
// sixteen lanes no faster.
inline void add_lanes(int32_t* scores, uint8_t* touched, __m512i at, __m512i added, __mmask16 mask) {
  alignas(64) uint32_t places[16];
  alignas(64) int32_t amounts[16];
  if (mask == 0xffff) {
    _mm512_store_si512(places, at);
    _mm512_store_si512(amounts, added);
    for (int i = 0; i < 16; ++i) {
      scores[places[i]] += amounts[i];
      touched[places[i] / 64] = 1;
    }
    return;
  }
  _mm512_store_si512(places, _mm512_maskz_compress_epi32(mask, at));
  _mm512_store_si512(amounts, _mm512_maskz_compress_epi32(mask, added));
  const int lanes = __builtin_popcount(mask);
  for (int i = 0; i < lanes; ++i) {
    scores[places[i]] += amounts[i];
    touched[places[i] / 64] = 1;
  }
}

inline __mmask16 lanes_inside(__m512i at, uint32_t size, int left) {
  const __mmask16 present = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
  return _mm512_mask_cmplt_epu32_mask(present, at, _mm512_set1_epi32(static_cast<int>(size)));
}

void add_saturated(const uint32_t* docs, const uint32_t* values, int count, const uint8_t* lengths,
                   const float* norms, float weight, uint32_t begin, uint32_t size, int32_t* scores,
                   uint8_t* touched) {
  const __m512i first = _mm512_set1_epi32(static_cast<int>(begin));
  const __m512 weights = _mm512_set1_ps(weight);
  for (int i = 0; i < count; i += 16) {
    const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(docs + i), first);
    const __mmask16 mask = lanes_inside(at, size, count - i);
    if (mask == 0) continue;
    // Lengths are bytes without room behind the last one, so they are fetched one by one.
    alignas(64) uint32_t places[16];
    alignas(64) float norm[16];
    _mm512_store_si512(places, _mm512_maskz_mov_epi32(mask, at));
    for (int lane = 0; lane < 16; ++lane) norm[lane] = norms[lengths[begin + places[lane]]];
    const __m512 value = _mm512_cvtepu32_ps(_mm512_loadu_si512(values + i));
    const __m512 part = _mm512_div_ps(value, _mm512_add_ps(value, _mm512_load_ps(norm)));
    add_lanes(scores, touched, at, _mm512_cvtps_epi32(_mm512_mul_ps(weights, part)), mask);
  }
}

void add_linear(const uint32_t* docs, const uint32_t* values, int count, float weight, uint32_t begin,
                uint32_t size, int32_t* scores, uint8_t* touched) {
  const __m512i first = _mm512_set1_epi32(static_cast<int>(begin));
  const __m512 weights = _mm512_set1_ps(weight);
  for (int i = 0; i < count; i += 16) {
    const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(docs + i), first);
    const __m512 value = _mm512_cvtepu32_ps(_mm512_loadu_si512(values + i));
    add_lanes(scores, touched, at, _mm512_cvtps_epi32(_mm512_mul_ps(weights, value)),
              lanes_inside(at, size, count - i));
  }
}

int collect_above(int32_t* scores, uint8_t* touched, int count, int32_t threshold, uint32_t base,
                  uint32_t* docs, int32_t* kept) {
  const __m512i least = _mm512_set1_epi32(threshold), zero = _mm512_setzero_si512();
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const int whole = count / 64;
  int found = 0;
  for (int group = 0; group < whole; group += 64) {
    const int left = whole - group;
    const __mmask64 present = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    const __m512i flags = _mm512_maskz_loadu_epi8(present, touched + group);
    _mm512_mask_storeu_epi8(touched + group, present, zero);
    for (__mmask64 set = _mm512_test_epi8_mask(flags, flags); set != 0; set &= set - 1) {
      const int begin = 64 * (group + static_cast<int>(__builtin_ctzll(set)));
      for (int i = begin; i < begin + 64; i += 16) {
        const __m512i score = _mm512_loadu_si512(scores + i);
        _mm512_storeu_si512(scores + i, zero);
        const __mmask16 above = _mm512_cmpgt_epi32_mask(score, least);
        if (above == 0) continue;
        const __m512i doc = _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(base) + i));
        _mm512_storeu_si512(docs + found, _mm512_maskz_compress_epi32(above, doc));
        _mm512_storeu_si512(kept + found, _mm512_maskz_compress_epi32(above, score));
        found += __builtin_popcount(above);
      }
    }
  }
  return found + collect_above_scalar(scores + 64 * whole, touched + whole, count - 64 * whole, threshold,
                                      base + static_cast<uint32_t>(64 * whole), docs + found, kept + found);
}

}  // namespace

const PostingKernels& posting_table() {
  static const PostingKernels table = {"avx512",      unpack,     unpack_ascending,
                                       add_saturated, add_linear, collect_above};
  return table;
}

}  // namespace coppice::kernels::avx512

#endif
