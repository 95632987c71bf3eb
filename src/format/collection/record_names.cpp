#include "format/collection/record_names.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace coppice {
namespace {

constexpr std::string_view document_ids[] = {
    "_id",        "id",        "docid", "doc_id",    "docno", "doc-id", "doc_no",     "passage_id",
    "passage-id", "passageid", "pid",   "corpus-id", "uid",   "uuid",   "document_id"};
constexpr std::string_view query_ids[] = {"_id",     "id",    "qid",      "query_id", "query-id",
                                          "queryid", "topic", "topic_id", "number"};
constexpr std::string_view document_texts[] = {"title",   "headline", "headings", "subject", "abstract",
                                               "summary", "text",     "contents", "content", "body",
                                               "passage", "document", "sentence"};
constexpr std::string_view query_texts[] = {"text", "query", "question", "title", "claim"};

}  // namespace

std::span<const std::string_view> RecordNames::usual_ids() const {
  if (kind_ == RecordKind::query) return query_ids;
  return document_ids;
}

std::span<const std::string_view> RecordNames::usual_texts() const {
  if (kind_ == RecordKind::query) return query_texts;
  return document_texts;
}

size_t RecordNames::find_id(std::span<const std::string_view> names) const {
  const auto place = [names](std::string_view name) {
    const auto at = std::find(names.begin(), names.end(), name);
    return at == names.end() ? npos : static_cast<size_t>(at - names.begin());
  };
  if (!options_.id_field.empty()) return place(options_.id_field);
  for (const auto name : usual_ids())
    if (const size_t at = place(name); at != npos) return at;
  return npos;
}

std::vector<bool> RecordNames::find_texts(std::span<const std::string_view> names) const {
  std::vector<bool> found(names.size());
  const auto mark = [&](std::string_view wanted) {
    const auto at = std::find(names.begin(), names.end(), wanted);
    if (at != names.end()) found[static_cast<size_t>(at - names.begin())] = true;
    return at != names.end();
  };
  for (const auto& name : options_.text_fields) mark(name);
  if (!options_.text_fields.empty()) return found;
  for (const auto name : usual_texts())
    if (mark(name) && kind_ == RecordKind::query) break;
  return found;
}

std::string RecordNames::wanted_id() const {
  return options_.id_field.empty() ? fmt::format("an id: {}", fmt::join(usual_ids(), ", "))
                                   : fmt::format("an id called '{}'", options_.id_field);
}

std::string RecordNames::wanted_text() const {
  if (!options_.text_fields.empty())
    return fmt::format("text called {}", fmt::join(options_.text_fields, " or "));
  return fmt::format("text: {}", fmt::join(usual_texts(), ", "));
}

// Verbs that read queries have no options for their names.
std::string RecordNames::id_advice(const char* number) const {
  if (kind_ == RecordKind::query) return "call it so in the file";
  return fmt::format("--id-field NAME says which it is, --id-field '#' takes the number of the {}", number);
}

std::string RecordNames::text_advice() const {
  return kind_ == RecordKind::query ? "call it so in the file" : "--text-field NAME says which it is";
}

}  // namespace coppice
