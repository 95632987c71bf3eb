// The form of the SMART system, in which CACM, Cranfield, MEDLINE, CISI, … are passed on: a document begins with a line
// ".I id"; lines ".T" (title), ".W" (text), ".A" (authors), ".B" (source), ".K" (keywords), ".N" (note), ".X" (links), … begin
// its parts.

#include <algorithm>

#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/smart_reader.h"

namespace coppice {
namespace {

constexpr std::pair<char, const char*> part_names[] = {{'T', "title"},  {'W', "text"},     {'A', "author"},
                                                       {'B', "source"}, {'K', "keywords"}, {'N', "note"},
                                                       {'X', "links"}};

const char* part_name(char letter) {
  for (const auto& [known, name] : part_names)
    if (known == letter) return name;
  return nullptr;
}

bool is_part_line(std::string_view line) {
  return line.size() == 2 && line[0] == '.' && line[1] >= 'A' && line[1] <= 'Z';
}

class SmartDocuments final : public DocumentReader {
 public:
  SmartDocuments(ByteSource source, const CollectionOptions& options)
      : records_(std::move(source)), options_(options) {}

  bool next(SourceDocument& document) override {
    SmartRecord record;
    if (!records_.next(record)) return false;
    document.id = record.id;
    document.where = record.where;
    document.metadata = Json::object();
    for (auto& [letter, content] : record.parts) {
      const char* name = part_name(letter);
      if (name == nullptr) continue;
      if (is_text(name))
        add_field(document, name, std::move(content));
      else if (letter != 'X')
        document.metadata[name] = std::move(content);
    }
    return true;
  }

  uint64_t bytes_read() const override { return records_.source().bytes_read(); }

 private:
  bool is_text(std::string_view name) const {
    if (options_.text_fields.empty()) return name == "title" || name == "text";
    return std::find(options_.text_fields.begin(), options_.text_fields.end(), name) !=
           options_.text_fields.end();
  }

  SmartReader records_;
  CollectionOptions options_;
};

}  // namespace

bool SmartReader::next(SmartRecord& record) {
  std::string_view line;
  if (!begin_) {
    while (!begin_)
      if (!lines_.next(line))
        return false;
      else if (line.starts_with(".I"))
        begin_ = std::pair(std::string(line), lines_.where());
      else if (!trim(line).empty() && !complained_) {
        complained_ = true;
        bad_document(lines_.where(), fmt::format("'{}' outside of a document", line.substr(0, 40)),
                     "a line \".I id\"");
      }
  }
  record = {};
  record.id = trim(std::string_view(begin_->first).substr(2));
  record.where = begin_->second;
  begin_.reset();
  size_t size = 0;
  while (lines_.next(line)) {
    if (line == ".I" || line.starts_with(".I ") || line.starts_with(".I\t")) {
      begin_ = std::pair(std::string(line), lines_.where());
      break;
    }
    const auto bare = line.substr(0, line.find_last_not_of(" \t") + 1);
    if (is_part_line(bare)) {
      record.parts.emplace_back(bare[1], "");
      continue;
    }
    size += line.size() + 1;
    if (record.parts.empty() || size > max_document_bytes) continue;
    auto& content = record.parts.back().second;
    if (!content.empty()) content += '\n';
    content += trim(line);
  }
  if (record.id.empty()) bad_document(record.where, "a document without an id", "a line \".I id\"");
  if (size > max_document_bytes) bad_document(record.where, "a document without an end", "shorter documents");
  return true;
}

std::unique_ptr<DocumentReader> read_smart_documents(ByteSource source, const CollectionOptions& options,
                                                     RecordKind) {
  return std::make_unique<SmartDocuments>(std::move(source), options);
}

}  // namespace coppice
