#pragma once
// The files of one inverted index of a segment, `NAME` being what the segment calls it:
//   NAME.json       InvertedSummary
//   NAME.terms      the term dictionary
//   NAME.postings   posting lists
//   NAME.positions  word positions, where they are kept
//   NAME.lengths    a byte a document: its length (length_code.h)
// docs/formats.md has the layouts.

#include <filesystem>
#include <string>

#include "base/fields.h"

namespace coppice {

// What a posting's value is, and so how it adds to a score.
enum class PostingKind {
  frequency,  // how often the term occurs: BM25
  weight,     // a learned weight in steps of `unit`
};
template <>
struct EnumNames<PostingKind> {
  static constexpr auto values = std::to_array<std::pair<PostingKind, const char*>>(
      {{PostingKind::frequency, "frequency"}, {PostingKind::weight, "weight"}});
};

// BM25's two parameters (Robertson and Zaragoza 2009); the defaults are Anserini's.
struct Bm25 {
  double k1 = 0.9, b = 0.4;
  bool operator==(const Bm25&) const = default;

  static void fields(auto& self, auto&& field) {
    field("k1", self.k1, Field{.help = "BM25: how soon repeated terms stop counting", .min = 0, .max = 100});
    field("b", self.b, Field{.help = "BM25: how much long documents are held back", .min = 0, .max = 1});
  }
};

struct InvertedSummary {
  PostingKind kind = PostingKind::frequency;
  int64_t documents = 0, terms = 0, postings = 0;
  int64_t total_length = 0;   // sum of all values
  int64_t highest_value = 1;  // of any posting
  double unit = 1;            // weight of one step of a learned weight
  bool positions = false;
  Bm25 bm25;  // for which the bounds in the lists hold, with the average length that follows from the above

  double average_length() const {
    return documents == 0 ? 0 : static_cast<double>(total_length) / static_cast<double>(documents);
  }

  static void fields(auto& self, auto&& field) {
    field("kind", self.kind, Field{.help = "what a posting's value is", .required = true});
    field("documents", self.documents,
          Field{.help = "documents of the segment", .min = 0, .max = 4294967294});
    field("terms", self.terms, Field{.help = "different terms", .min = 0});
    field("postings", self.postings, Field{.help = "pairs of a term and a document", .min = 0});
    field("total_length", self.total_length, Field{.help = "sum of all values", .min = 0});
    field("highest_value", self.highest_value, Field{.help = "largest value", .min = 1, .max = 2147483647});
    field("unit", self.unit, Field{.help = "weight of one step", .min = 0, .above_min = true});
    field("positions", self.positions, Field{.help = "word positions are kept"});
    field("bm25", self.bm25, Field{.help = "parameters that the bounds were made with"});
  }
};

}  // namespace coppice
