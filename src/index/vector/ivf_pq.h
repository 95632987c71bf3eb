#pragma once
// Inverted lists of product-quantized vectors (Jegou, Douze and Schmid 2011). Every row is in the list of its nearest
// centroid c; the rest r = x - c is cut into pieces, of which each is replaced by the nearest of 256 of its place. With
// y = c + r' the decoded row,
//
//   q . y       = q . c + sum over pieces s of table[s][code_s],  table[s][j] = q_s . piece_j
//   -|q - y|^2  = 2 q . y - |q|^2 - |y|^2
//
// so that one table serves all lists. A search looks through the lists of the `probes` best centroids; the candidates
// that it finds are then compared by their stored vectors.

#include <span>
#include <vector>

#include "index/vector/vector_store.h"

namespace coppice {

// Mapped, or in memory; `rows`, `codes` and `norms2` are in the order of the lists.
struct IvfPqLists {
  int64_t dim = 0, lists = 0, subquantizers = 0;
  std::span<const float> centroids;        // (lists, dim)
  std::span<const uint64_t> begins;        // lists + 1
  std::span<const uint32_t> rows;          // ascending within a list
  std::span<const float> pieces;           // (subquantizers, piece_dim, 256)
  std::span<const uint8_t> codes;          // (rows, subquantizers)
  std::span<const float> centroid_norms2;  // squared lengths
  std::span<const float> norms2;           // squared lengths of decoded rows, with l2
  int64_t piece_dim() const { return (dim + subquantizers - 1) / subquantizers; }
};

struct IvfPq {
  int64_t dim = 0, lists = 0, subquantizers = 0;
  std::vector<float> centroids;
  std::vector<uint64_t> begins;
  std::vector<uint32_t> rows;
  std::vector<float> pieces;
  std::vector<uint8_t> codes;
  std::vector<float> centroid_norms2, norms2;
};

// `values` are the stored rows, (rows, dim). Centroids and pieces are trained on a sample.
IvfPq build_ivf_pq(std::span<const float> values, const VectorPart& part);

// Of rows in the `probes` best lists, and in allowed documents, the `wanted` best by their codes, unordered.
std::vector<uint32_t> ivf_pq_rows(const IvfPqLists& lists, const VectorStore& store,
                                  const PreparedQuery& query, size_t wanted, int64_t probes,
                                  const DocSet* allowed, int64_t& scanned);

// That lists rise from 0 to the number of rows, and hold every row once; an Error otherwise.
void check_ivf_pq_places(const IvfPqLists& lists, const std::string& where);
void verify_ivf_pq(const IvfPqLists& lists, const std::string& where);

}  // namespace coppice
