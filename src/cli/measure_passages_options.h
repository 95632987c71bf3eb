#pragma once

#include "cli/verb.h"
#include "format/collection/collection.h"

namespace coppice {

// Where the texts of ranked passages come from.
struct PassageSourceOptions {
  std::filesystem::path passages;
  CollectionFormat format = CollectionFormat::automatic;
  std::string id_field;
  std::vector<std::string> text_field;

  static void fields(auto& self, auto&& field) {
    field(
        "passages", self.passages,
        Field{.help = "the collection of which the runs are", .required = true, .value_name = "COLLECTION"});
    field("format", self.format, Field{.help = "how its documents are stored (default: by what is there)"});
    field("id_field", self.id_field, Field{.help = "key or column of its ids", .value_name = "NAME"});
    field("text_field", self.text_field, Field{.help = "keys or columns of its text", .value_name = "NAME"});
  }
};

struct MeasureAnswersOptions {
  std::filesystem::path answers;
  std::vector<std::filesystem::path> runs;
  PassageSourceOptions from;
  std::vector<int64_t> k = {1, 5, 20, 100};
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("answers", self.answers,
          Field{.help = "lines of {id, answers: [...]}, or id <tab> answer <tab> answer",
                .required = true,
                .positional = true,
                .value_name = "ANSWERS"});
    field("runs", self.runs,
          Field{.help = "runs in TREC form", .required = true, .positional = true, .value_name = "RUN"});
    PassageSourceOptions::fields(self.from, field);
    field("k", self.k,
          Field{.help = "passages of a query to look at",
                .min = 1,
                .max = 100000,
                .value_name = "N",
                .short_name = "-k"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo measure_answers_verb = {
    "measure answers", "share of queries with an answer among the first k passages",
    "coppice measure answers answers.jsonl bm25.txt --passages corpus.jsonl -k 20"};

struct MeasureBudgetOptions {
  std::filesystem::path qrels;
  std::vector<std::filesystem::path> runs;
  PassageSourceOptions from;
  std::vector<int64_t> budget = {500, 1000, 2000, 4000};
  std::filesystem::path tokenizer;
  int64_t relevance_level = 1;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("qrels", self.qrels,
          Field{.help = "relevance judgements: TREC qrels, or a table of BEIR, or its directory",
                .required = true,
                .positional = true,
                .value_name = "QRELS"});
    field("runs", self.runs,
          Field{.help = "runs in TREC form", .required = true, .positional = true, .value_name = "RUN"});
    PassageSourceOptions::fields(self.from, field);
    field("budget", self.budget,
          Field{.help = "tokens of the passages that a reader is given", .min = 1, .value_name = "TOKENS"});
    field("tokenizer", self.tokenizer,
          Field{.help = "model whose tokens are counted (default: words)", .value_name = "MODEL"});
    field("relevance_level", self.relevance_level,
          Field{.help = "grade from which on a document is relevant",
                .min = 1,
                .value_name = "N",
                .short_name = "-l"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo measure_budget_verb = {
    "measure budget", "recall of the passages that fit into a number of tokens",
    "coppice measure budget qrels.txt bm25.txt --passages corpus.jsonl --budget 2000"};

int run_measure_answers(const MeasureAnswersOptions& options);
int run_measure_budget(const MeasureBudgetOptions& options);

}  // namespace coppice
