// Tables: TSV as MS MARCO has it (id, text; or id, title, text; or id, url, title, text) or with a header, and CSV.

#include <algorithm>

#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/record_names.h"
#include "format/collection/row_reader.h"

namespace coppice {
namespace {

class Table final : public DocumentReader {
 public:
  Table(ByteSource source, const CollectionOptions& options, RecordKind kind, char separator)
      : options_(options),
        names_(options_, kind),
        rows_(std::move(source), separator,
              options_.quotes == YesNo::yes || (options_.quotes == YesNo::automatic && separator == ',')),
        header_(options_.header == YesNo::yes || (options_.header == YesNo::automatic && separator == ',')) {}

  bool next(SourceDocument& document) override {
    if (!rows_.next(values_)) return false;
    if (columns_.empty()) {
      begin();
      if (header_ && !rows_.next(values_)) return false;
    }
    document.where = rows_.where();
    if (values_.size() != columns_.size())
      bad_document(document.where, fmt::format("{} columns", values_.size()),
                   fmt::format("{}, as in the first row", columns_.size()));
    document.id = names_.is_numbered() ? std::to_string(rows_.number() - header_) : std::move(values_[id_]);
    if (document.id.empty()) bad_document(document.where, "an empty id", "an id in every row");
    document.metadata = Json::object();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i == id_ || values_[i].empty()) continue;
      if (is_text_[i])
        add_field(document, columns_[i], std::move(values_[i]));
      else
        document.metadata[columns_[i]] = std::move(values_[i]);
    }
    return true;
  }

  uint64_t bytes_read() const override { return rows_.source().bytes_read(); }

 private:
  // Names the columns by the first row, which lies in values_.
  void begin() {
    std::vector<std::string_view> views(values_.begin(), values_.end());
    if (options_.header == YesNo::automatic && !header_) header_ = names_.find_id(views) != RecordNames::npos;
    if (header_)
      columns_ = values_;
    else
      name_by_place();
    views.assign(columns_.begin(), columns_.end());
    id_ = names_.find_id(views);
    if (id_ == RecordNames::npos && !names_.is_numbered())
      fail("no id", names_.wanted_id(), names_.id_advice("row"));
    is_text_ = names_.find_texts(views);
    if (id_ < is_text_.size()) is_text_[id_] = false;
    if (std::find(is_text_.begin(), is_text_.end(), true) == is_text_.end())
      fail("no text", names_.wanted_text(), names_.text_advice());
  }

  // Without a header: the usual columns, or, where options name any, their numbers.
  void name_by_place() {
    const bool id_named = !options_.id_field.empty() && !names_.is_numbered();
    if (id_named || !options_.text_fields.empty() || values_.size() > 4 || values_.size() < 2) {
      for (size_t i = 0; i < values_.size(); ++i) columns_.push_back(std::to_string(i + 1));
      if (!id_named) columns_[0] = "id";
      return;
    }
    columns_ = {"id"};
    if (values_.size() == 4) columns_.emplace_back("url");
    if (values_.size() > 2) columns_.emplace_back("title");
    columns_.emplace_back("text");
  }

  [[noreturn]] void fail(const std::string& what, const std::string& expected, const std::string& advice) {
    std::string found;
    for (const auto& column : columns_) found += (found.empty() ? "" : ", ") + column.substr(0, 40);
    columns_.clear();
    is_text_.clear();
    throw Error({.where = rows_.where(),
                 .found = fmt::format("{} among the columns {}", what, found.substr(0, 400)),
                 .expected = expected,
                 .advice = advice},
                Fault::usage);
  }

  CollectionOptions options_;
  RecordNames names_;
  RowReader rows_;
  bool header_;
  std::vector<std::string> values_, columns_;
  std::vector<bool> is_text_;
  size_t id_ = 0;
};

}  // namespace

std::unique_ptr<DocumentReader> read_tsv(ByteSource source, const CollectionOptions& options,
                                         RecordKind kind) {
  return std::make_unique<Table>(std::move(source), options, kind, '\t');
}

std::unique_ptr<DocumentReader> read_csv(ByteSource source, const CollectionOptions& options,
                                         RecordKind kind) {
  return std::make_unique<Table>(std::move(source), options, kind, ',');
}

}  // namespace coppice
