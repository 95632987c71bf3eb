// Queries, in the forms in which people keep them.

#include <unordered_set>

#include "base/strings.h"
#include "format/collection/collection_files.h"
#include "format/collection/decode_text.h"
#include "format/collection/detect_format.h"
#include "format/collection/document_reader.h"
#include "format/collection/line_reader.h"
#include "format/collection/markup.h"
#include "format/collection/smart_reader.h"
#include "format/collection/topics.h"

namespace coppice {
namespace {

std::vector<SourceQuery> of_records(DocumentReader& reader) {
  std::vector<SourceQuery> queries;
  for (SourceDocument document; reader.next(document); document = {}) {
    SourceQuery query{document.id, "", std::move(document.metadata)};
    for (const auto& [name, content] : document.fields)
      query.text += (query.text.empty() ? "" : " ") + content;
    queries.push_back(std::move(query));
  }
  return queries;
}

std::vector<SourceQuery> of_smart(ByteSource source) {
  SmartReader reader(std::move(source));
  std::vector<SourceQuery> queries;
  for (SmartRecord record; reader.next(record);) {
    SourceQuery query;
    query.id = record.id;
    for (const auto& [letter, content] : record.parts)
      if (letter == 'T' || letter == 'W' || letter == 'A')
        query.text += (query.text.empty() ? "" : " ") + squeezed(content);
    query.metadata = Json::object();
    queries.push_back(std::move(query));
  }
  return queries;
}

CollectionFormat format_of(std::string_view begin, const std::filesystem::path& path) {
  using enum CollectionFormat;
  const auto by_name = format_by_name(path);
  if (by_name == jsonl || by_name == tsv || by_name == csv) return by_name;
  const auto by_content = format_by_content(begin);
  if (by_content == jsonl || by_content == smart) return by_content;
  const std::string lower = to_lower_ascii(begin);
  if (lower.find("<top") != lower.npos) return trec;
  return begin.substr(0, begin.find('\n')).find('\t') != begin.npos ? tsv : lines;
}

std::vector<SourceQuery> read(ByteSource source, CollectionFormat format, const CollectionOptions& options) {
  constexpr auto kind = RecordKind::query;
  const std::string where = source.where();
  switch (format) {
    case CollectionFormat::beir:
    case CollectionFormat::jsonl:
      return of_records(*read_json_lines(std::move(source), options, kind));
    case CollectionFormat::tsv:
      return of_records(*read_tsv(std::move(source), options, kind));
    case CollectionFormat::csv:
      return of_records(*read_csv(std::move(source), options, kind));
    case CollectionFormat::trec:
      return parse_topics(decode_file(read_unpacked(source, max_document_bytes)), options.topic_part, where);
    case CollectionFormat::smart:
      return of_smart(std::move(source));
    case CollectionFormat::lines:
    case CollectionFormat::text:
      return of_records(*read_line_documents(std::move(source), options, kind));
    default:
      throw Error({.where = where,
                   .found = "queries in the format " + to_string(format),
                   .expected = "jsonl, tsv, csv, trec, smart or lines"},
                  Fault::usage);
  }
}

std::vector<SourceQuery> checked(std::vector<SourceQuery> queries, const std::string& where) {
  std::unordered_set<std::string_view> ids;
  for (const auto& query : queries)
    if (!ids.insert(query.id).second)
      throw Error({.where = where,
                   .found = fmt::format("query '{}' comes twice", query.id.substr(0, 100)),
                   .expected = "an id of its own for every query"});
  if (queries.empty()) throw Error({.where = where, .found = "no query", .expected = "at least one"});
  return queries;
}

}  // namespace

std::vector<SourceQuery> read_queries(const std::filesystem::path& path, const CollectionOptions& options) {
  auto file = path;
  if (std::filesystem::is_directory(path)) {
    file = find_packed(path, "queries.jsonl");
    if (file.empty())
      throw Error(
          {.where = path.string(), .found = "no queries.jsonl", .expected = "a BEIR directory, or a file"});
  }
  ByteSource source(file);
  auto format = options.format;
  if (format == CollectionFormat::automatic) format = format_of(first_bytes(file), file);
  return checked(read(std::move(source), format, options), file.string());
}

std::vector<SourceQuery> read_queries_bytes(std::string_view bytes, const std::string& where,
                                            const CollectionOptions& options) {
  auto format = options.format;
  if (format == CollectionFormat::automatic) format = format_of(bytes.substr(0, 4096), "");
  return checked(read(ByteSource(bytes, where), format, options), where);
}

}  // namespace coppice
