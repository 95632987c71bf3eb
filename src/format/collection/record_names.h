#pragma once
// What the members of a record, or the columns of a table, are called: which is the id, which are text.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/collection/document_reader.h"

namespace coppice {

// As CollectionOptions::id_field: the number of the record in its file is its id.
inline constexpr std::string_view numbered = "#";

class RecordNames {
 public:
  RecordNames(const CollectionOptions& options, RecordKind kind) : options_(options), kind_(kind) {}

  bool is_numbered() const { return options_.id_field == numbered; }
  // The place of the id among `names`, or npos. Of several usual names the one first in our list counts.
  size_t find_id(std::span<const std::string_view> names) const;
  // The places of the texts among `names`. Of a query only one counts, the usual name that is first in our list.
  std::vector<bool> find_texts(std::span<const std::string_view> names) const;
  // For messages.
  std::string wanted_id() const;
  std::string wanted_text() const;
  // What somebody can do about records without them. `number`: what the number of is meant: "line", "row".
  std::string id_advice(const char* number) const;
  std::string text_advice() const;

  static constexpr size_t npos = ~size_t{0};

 private:
  std::span<const std::string_view> usual_ids() const;
  std::span<const std::string_view> usual_texts() const;

  const CollectionOptions& options_;
  RecordKind kind_;
};

}  // namespace coppice
