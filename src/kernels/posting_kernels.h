#pragma once
// Kernels of the inverted index: unpacking of posting blocks, and adding one term's contributions to the scores of a
// window of documents. One table per instruction set, as for the numeric kernels (kernels.h); the same files rules
// hold: no inline functions, no std:: templates.
//
// Scores are whole numbers (index/inverted/fixed_point.h), so that sums do not depend on the order of terms, and every
// instruction set computes the same bits: each contribution is made of correctly rounded operations in a fixed order.

#include <cstdint>

namespace coppice::kernels {

// Bytes that unpacking may read behind the last packed bit, and values it may write behind the last one.
enum : int { unpack_over_read = 64, unpack_over_write = 16 };

struct PostingKernels {
  const char* name;

  // values[i] = 1 + the i-th number of `bits` bits (0 to 32) in the stream, low bits first.
  void (*unpack)(const uint8_t* packed, int bits, int count, uint32_t* values);
  // docs[i] = docs[i - 1] + 1 + the i-th number, where docs[-1] is `previous`; numbers as above, sums modulo 2^32.
  void (*unpack_ascending)(const uint8_t* packed, int bits, int count, uint32_t previous, uint32_t* docs);

  // For every posting whose document lies in [begin, begin + size):
  //   scores[doc - begin] += round(weight * (value / (value + norms[lengths[doc]])))
  // and touched[(doc - begin) / 64] = 1; this is BM25 with norms[l] = k1 * (1 - b + b * length(l) / average length). Documents are distinct.
  void (*add_saturated)(const uint32_t* docs, const uint32_t* values, int count, const uint8_t* lengths,
                        const float* norms, float weight, uint32_t begin, uint32_t size, int32_t* scores,
                        uint8_t* touched);
  // scores[doc - begin] += round(weight * value), for learned weights; touched as above.
  void (*add_linear)(const uint32_t* docs, const uint32_t* values, int count, float weight, uint32_t begin,
                     uint32_t size, int32_t* scores, uint8_t* touched);

  // Appends base + i and scores[i] for every scores[i] > threshold to docs and kept, which have room for
  // `count` + unpack_over_write more, where touched[i / 64] is set; other scores are 0, and the threshold is not below
  // 0. Sets all scores and touched to 0. Returns how many were appended.
  int (*collect_above)(int32_t* scores, uint8_t* touched, int count, int32_t threshold, uint32_t base,
                       uint32_t* docs, int32_t* kept);
};

// The table of the instruction set in use (isa.h).
const PostingKernels& posting_kernels();

namespace baseline {
const PostingKernels& posting_table();
}
namespace avx2 {
const PostingKernels& posting_table();
}
namespace avx512 {
const PostingKernels& posting_table();
}

}  // namespace coppice::kernels
