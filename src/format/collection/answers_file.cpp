#include "format/collection/answers_file.h"

#include <unordered_set>

#include "base/strings.h"
#include "format/collection/json_record.h"
#include "format/collection/line_reader.h"

namespace coppice {
namespace {

QueryAnswers of_json(JsonRecord& record, std::string_view line, const std::string& where) {
  record.read(line, where);
  QueryAnswers query;
  for (const char* key : {"_id", "id", "qid", "query_id"})
    if (const auto* member = record.find(key); member != nullptr && query.id.empty())
      query.id = member->is_text ? member->text : to_line(member->value);
  for (const char* key : {"answers", "answer"}) {
    const auto* member = record.find(key);
    if (member == nullptr) continue;
    if (member->is_text) query.answers.push_back(member->text);
    for (const auto& answer : member->is_text ? Json::array() : member->value)
      if (answer.is_string()) query.answers.push_back(answer.get<std::string>());
  }
  return query;
}

QueryAnswers of_columns(std::string_view line) {
  auto columns = split(line, '\t');
  QueryAnswers query{columns[0], {}};
  query.answers.assign(columns.begin() + 1, columns.end());
  return query;
}

}  // namespace

std::vector<QueryAnswers> read_answers(const std::filesystem::path& path) {
  LineReader lines{ByteSource(path)};
  JsonRecord record;
  std::vector<QueryAnswers> queries;
  std::unordered_set<std::string> ids;
  for (std::string_view line; lines.next(line);) {
    if (trim(line).empty()) continue;
    auto query = trim(line).starts_with('{') ? of_json(record, line, lines.where()) : of_columns(line);
    if (query.id.empty() || query.answers.empty())
      throw Error({.where = lines.where(),
                   .found = query.id.empty() ? "no id" : "no answer",
                   .expected = "{\"id\": …, \"answers\": [\"…\"]} or id <tab> answer"});
    if (!ids.insert(query.id).second)
      throw Error({.where = lines.where(),
                   .found = fmt::format("query '{}' comes twice", query.id),
                   .expected = "all answers to a query in one line"});
    queries.push_back(std::move(query));
  }
  if (queries.empty())
    throw Error({.where = path.string(), .found = "no answers", .expected = "at least one"});
  return queries;
}

}  // namespace coppice
