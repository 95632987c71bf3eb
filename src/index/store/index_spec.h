#pragma once
// What an index keeps of its documents: analysed text, learned sparse vectors, dense vectors, token vectors, or several
// of these. Chosen when the index is made, and kept in it.

#include <optional>
#include <string>
#include <vector>

#include "index/inverted/inverted_files.h"
#include "index/late/late_index.h"
#include "index/vector/vectors.h"
#include "text/analysis/analyzer.h"

namespace coppice {

struct TextField {
  std::string name;
  int64_t weight = 1;

  static void fields(auto& self, auto&& field) {
    field("name", self.name, Field{.help = "a document's field", .required = true});
    field("weight", self.weight,
          Field{.help = "how often its text counts; 0: not at all", .min = 0, .max = 1000});
  }
};

struct TextPartSpec {
  AnalyzerSpec analyzer;
  std::vector<TextField> weights;  // fields that are not named count once
  bool positions = true;
  Bm25 bm25;

  int64_t weight_of(std::string_view name) const {
    for (const TextField& field : weights)
      if (field.name == name) return field.weight;
    return 1;
  }
  static void fields(auto& self, auto&& field) {
    field("analyzer", self.analyzer, Field{.help = "how texts and queries become terms"});
    field("weights", self.weights, Field{.help = "fields that do not count once"});
    field("positions", self.positions, Field{.help = "keep word positions, for phrases"});
    field("bm25", self.bm25, Field{.help = "BM25's parameters"});
  }
};

struct SparsePartSpec {
  double unit = 0.01;

  static void fields(auto& self, auto&& field) {
    field("unit", self.unit,
          Field{.help = "learned weights are kept as multiples of this", .min = 0, .above_min = true});
  }
};

struct DensePartSpec {
  int64_t dim = 0;
  std::string encoder;  // the model directory that made the vectors, if one did
  VectorIndexSpec index;

  static void fields(auto& self, auto&& field) {
    field("dim", self.dim,
          Field{.help = "numbers in a vector", .min = 1, .max = max_vector_dim, .required = true});
    field("encoder", self.encoder,
          Field{.help = "model directory that made the vectors, and makes queries'"});
    field("index", self.index, Field{.help = "similarity, storage and method"});
  }
};

struct LatePartSpec {
  int64_t dim = 0;
  LateIndexSpec index;

  static void fields(auto& self, auto&& field) {
    field("dim", self.dim,
          Field{.help = "numbers in a token's vector", .min = 1, .max = max_vector_dim, .required = true});
    field("index", self.index, Field{.help = "codes and search"});
  }
};

// Texts cut into overlapping pieces, each searched by itself.
struct WindowSpec {
  int64_t words = 150, step = 75;

  static void fields(auto& self, auto&& field) {
    field("words", self.words, Field{.help = "words of a window", .min = 1, .max = 1 << 20});
    field("step", self.step,
          Field{.help = "words from one window's beginning to the next", .min = 1, .max = 1 << 20});
  }
};

struct IndexSpec {
  std::optional<TextPartSpec> text;
  std::optional<SparsePartSpec> sparse;
  std::optional<DensePartSpec> dense;
  std::optional<LatePartSpec> late;
  bool keep_fields = true;
  std::optional<WindowSpec> windows;

  static void fields(auto& self, auto&& field) {
    field("text", self.text, Field{.help = "analysed text, searched by BM25"});
    field("sparse", self.sparse, Field{.help = "learned sparse vectors"});
    field("dense", self.dense, Field{.help = "dense vectors"});
    field("late", self.late, Field{.help = "token vectors, searched by late interaction"});
    field("keep_fields", self.keep_fields, Field{.help = "keep the documents' own texts, to show them"});
    field("windows", self.windows,
          Field{.help = "documents are windows of longer ones, whose ids stand before the #"});
  }
};

// A document on its way into an index. What the index keeps nothing of is left aside.
struct IndexedDocument {
  std::string id;
  std::vector<std::pair<std::string, std::string>> fields;  // name -> text
  Json metadata = Json::object();
  std::vector<std::pair<std::string, float>> sparse;  // term -> weight
  std::vector<std::vector<float>> vectors;
  std::vector<float> tokens;  // (tokens, dim)
  std::string where;          // for messages
};

}  // namespace coppice
