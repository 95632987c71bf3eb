#pragma once
// The file of a late-interaction part, mapped.

#include <optional>

#include "base/file.h"
#include "index/late/late_index.h"
#include "index/late/residual_codec.h"
#include "index/section_file.h"

namespace coppice {

inline constexpr PartKind late_part_kind = {
    .magic = "COPPLAT1", .version = 1, .name = "file of token vectors"};

// The part's description in the header.
struct LatePart {
  LateIndexSpec spec;
  int64_t dim = 0, documents = 0, tokens = 0, centroids = 0, postings = 0;
  double training_error = 0, error = 0;
  static void fields(auto& self, auto&& field) {
    field("spec", self.spec, {.help = "how tokens are stored and searched", .required = true});
    field("dim", self.dim, {.help = "numbers of a token vector", .min = 1, .max = 32767, .required = true});
    field("documents", self.documents,
          {.help = "of the segment", .min = 0, .max = 0xFFFFFFFF, .required = true});
    field("tokens", self.tokens, {.help = "their number", .min = 0, .max = 0x1p53, .required = true});
    field("centroids", self.centroids, {.help = "their number", .min = 1, .max = 1 << 24, .required = true});
    field("postings", self.postings,
          {.help = "documents in all lists", .min = 0, .max = 0x1p53, .required = true});
    field("training_error", self.training_error, {.help = "mean squared error in training", .min = 0});
    field("error", self.error, {.help = "mean squared error of the tokens here", .min = 0});
  }
};

// Mapped sections; lengths, and what would make a place leave them, are checked.
struct LateFile {
  std::optional<MappedFile> mapped;
  SectionFile file;
  LatePart part;
  std::span<const uint64_t> doc_begins;  // documents + 1
  std::span<const uint32_t> codes;       // centroid of every token; may be any number if the file is damaged
  std::span<const uint8_t> residuals;    // (tokens, residual_bytes)
  std::span<const float> centroids;      // (centroids, padded_dim)
  std::span<const float> cutoffs, weights;
  std::span<const uint64_t> list_begins;  // centroids + 1
  std::span<const DocOrdinal> list_docs;  // ascending in every list; may be any number if the file is damaged
  std::span<const float> f32;             // (tokens, dim), if kept
  std::span<const uint16_t> bf16;
  ResidualDecoder decoder;

  void read(std::span<const std::byte> bytes, const std::string& where);

  int64_t tokens_in(DocOrdinal doc) const {
    return static_cast<int64_t>(doc_begins[doc + 1] - doc_begins[doc]);
  }
  std::span<const uint32_t> codes_of(DocOrdinal doc) const {
    return codes.subspan(doc_begins[doc], doc_begins[doc + 1] - doc_begins[doc]);
  }
  // Rows of padded_dim(dim) floats of a document's tokens from `first` on, as scores see them.
  void decode(DocOrdinal doc, int64_t first, int64_t count, float* rows) const;
};

}  // namespace coppice
