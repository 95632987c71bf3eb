#pragma once
// What is wrong or remarkable about a collection, its queries and its judgements, before anything is indexed.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "format/collection/collection.h"
#include "text/analysis/analyzer.h"

namespace coppice {

struct CheckFinding {
  std::string kind;    // duplicate_ids, empty_documents, …
  std::string text;    // the same for people
  bool wrong = false;  // else only remarkable
  int64_t count = 0;
  std::vector<std::string> examples;
};

struct CollectionCheck {
  int64_t documents = 0, queries = 0, judged_queries = 0, judgements = 0;
  std::vector<std::pair<std::string, double>> scripts;  // shares of all letters
  std::vector<CheckFinding> findings;

  bool wrong() const;
};

struct CheckRequest {
  std::filesystem::path source;
  CollectionOptions options;
  AnalyzerSpec analyzer;
  std::filesystem::path queries, judgements;  // may be empty
  TopicPart topic_part = TopicPart::title;
};

// Documents that cannot be read are findings, not Errors.
CollectionCheck check_collection(const CheckRequest& request);

}  // namespace coppice
