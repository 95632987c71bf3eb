#pragma once
// How the vectors of an index are stored and searched.

#include <cstdint>
#include <optional>

#include "base/fields.h"

namespace coppice {

enum class VectorType { f32, bf16, int8 };
enum class RerankType { f32, bf16, none };
// Scores rise with similarity: the dot product, the cosine, or minus the squared distance. A vector of zeros has a
// cosine of 0 with every vector.
enum class Similarity { dot, cosine, l2 };
enum class VectorMethod { flat, hnsw, ivf_pq };

template <>
struct EnumNames<VectorType> {
  static constexpr auto values = std::to_array<std::pair<VectorType, const char*>>(
      {{VectorType::f32, "f32"}, {VectorType::bf16, "bf16"}, {VectorType::int8, "int8"}});
};
template <>
struct EnumNames<RerankType> {
  static constexpr auto values = std::to_array<std::pair<RerankType, const char*>>(
      {{RerankType::f32, "f32"}, {RerankType::bf16, "bf16"}, {RerankType::none, "none"}});
};
template <>
struct EnumNames<Similarity> {
  static constexpr auto values = std::to_array<std::pair<Similarity, const char*>>(
      {{Similarity::dot, "dot"}, {Similarity::cosine, "cosine"}, {Similarity::l2, "l2"}});
};
template <>
struct EnumNames<VectorMethod> {
  static constexpr auto values = std::to_array<std::pair<VectorMethod, const char*>>(
      {{VectorMethod::flat, "flat"}, {VectorMethod::hnsw, "hnsw"}, {VectorMethod::ivf_pq, "ivf_pq"}});
};

// Malkov and Yashunin 2018.
struct HnswSpec {
  int64_t m = 16;  // links per node and level; twice as many on level 0
  int64_t ef_construction = 200, ef_search = 64;
  static void fields(auto& self, auto&& field) {
    field("m", self.m,
          {.help = "links of a vector per level, twice as many on the lowest", .min = 2, .max = 256});
    field("ef_construction", self.ef_construction,
          {.help = "candidates for the links of a new vector", .min = 1, .max = 65536});
    field("ef_search", self.ef_search,
          {.help = "candidates kept while searching, if not given with the query", .min = 1, .max = 1 << 20});
  }
};

// Jegou, Douze and Schmid 2011.
struct IvfPqSpec {
  int64_t lists = 0, subquantizers = 0, probes = 0, refine = 10;
  static void fields(auto& self, auto&& field) {
    field("lists", self.lists,
          {.help = "inverted lists; 0: four times the root of the number of vectors",
           .min = 0,
           .max = 1 << 24});
    field("subquantizers", self.subquantizers,
          {.help = "bytes of a code; 0: a byte for four dimensions", .min = 0, .max = 4096});
    field("probes", self.probes,
          {.help = "lists searched, if not given with the query; 0: one of 32, four at least",
           .min = 0,
           .max = 1 << 24});
    field(
        "refine", self.refine,
        {.help = "candidates compared with the stored vectors, in multiples of k", .min = 1, .max = 100000});
  }
};

struct VectorIndexSpec {
  Similarity similarity = Similarity::cosine;
  VectorMethod method = VectorMethod::flat;
  VectorType stored = VectorType::f32;
  RerankType rerank = RerankType::f32;
  HnswSpec hnsw;
  IvfPqSpec ivf_pq;
  int64_t seed = 1;
  static void fields(auto& self, auto&& field) {
    field("similarity", self.similarity, {.help = "how vectors are compared"});
    field("method", self.method, {.help = "how they are searched"});
    field("stored", self.stored, {.help = "type of the vectors that are scanned"});
    field("rerank", self.rerank,
          {.help =
               "with int8: type of the vectors that candidates are compared with; none: only int8 is kept"});
    field("hnsw", self.hnsw, {.help = "the graph, with hnsw"});
    field("ivf_pq", self.ivf_pq, {.help = "lists and codes, with ivf_pq"});
    field("seed", self.seed, {.help = "seed of the graph's levels and of k-means", .min = 0});
  }
};

}  // namespace coppice
