#pragma once
// Answers to questions, by which passages are judged that nobody has.

#include <filesystem>
#include <string>
#include <vector>

namespace coppice {

struct QueryAnswers {
  std::string id;
  std::vector<std::string> answers;
};

// Lines of JSON with an id (id, _id, qid, query_id) and "answers" (or "answer"), a string or several; or lines
// id <tab> answer <tab> answer …. An id that comes twice is an Error.
std::vector<QueryAnswers> read_answers(const std::filesystem::path& path);

}  // namespace coppice
