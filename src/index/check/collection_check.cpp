#include "index/check/collection_check.h"

#include <algorithm>
#include <unordered_set>

#include "base/progress.h"
#include "format/trec.h"
#include "text/analysis/language_fit.h"

namespace coppice {
namespace {

class Checker {
 public:
  explicit Checker(const CheckRequest& request) : request_(request) {}

  CollectionCheck run() {
    documents();
    if (!request_.queries.empty()) queries();
    if (!request_.judgements.empty()) judgements();
    return std::move(check_);
  }

 private:
  using Ids = std::unordered_set<std::string>;

  struct Tally {
    int64_t count = 0;
    std::vector<std::string> examples;

    void add(const std::string& example) {
      constexpr size_t most = 5;
      ++count;
      if (examples.size() < most) examples.push_back(example);
    }
  };

  void report(const char* kind, const char* text, bool wrong, const Tally& tally) {
    if (tally.count > 0) check_.findings.push_back({kind, text, wrong, tally.count, tally.examples});
  }

  static bool has_blank(std::string_view id) { return id.find_first_of(" \t\r\n\v\f") != id.npos; }

  void documents() {
    CollectionOptions options = request_.options;
    options.skip_bad = true;
    const auto reader = open_collection(request_.source, options);
    Progress progress("check", static_cast<int64_t>(reader->bytes_total()), "bytes");
    Tally duplicates, empty, blanks;
    ScriptCensus census;
    uint64_t read = 0;
    for (SourceDocument document; reader->next(document);) {
      ++check_.documents;
      const std::string example = fmt::format("{} ({})", document.id, document.where);
      if (!documents_.insert(document.id).second) duplicates.add(example);
      if (has_blank(document.id)) blanks.add(example);
      const bool any = std::any_of(document.fields.begin(), document.fields.end(), [](const auto& field) {
        return field.second.find_first_not_of(" \t\r\n") != std::string::npos;
      });
      if (!any && document.sparse.empty()) empty.add(example);
      for (const auto& [name, content] : document.fields) census.add(content);
      progress.advance(static_cast<int64_t>(reader->bytes_read() - read));
      read = reader->bytes_read();
    }
    check_.scripts = census.shares();
    Tally bad;
    bad.count = reader->bad_documents();
    bad.examples = reader->bad_examples();
    report("unreadable_documents", "documents cannot be read", true, bad);
    report("duplicate_ids", "documents have the id of an earlier one, which they would replace", true,
           duplicates);
    report("ids_with_blanks", "ids have blanks in them, which a TREC run cannot hold", true, blanks);
    report("empty_documents", "documents have no text", false, empty);
    if (const auto misfit = script_misfit(request_.analyzer, census); !misfit.empty())
      check_.findings.push_back({"script", misfit, false, 1, {}});
  }

  void queries() {
    CollectionOptions options;
    options.topic_part = request_.topic_part;
    Tally bad, empty, documents_too;
    try {
      for (const auto& query : read_queries(request_.queries, options)) {
        ++check_.queries;
        queries_.insert(query.id);
        if (query.text.empty()) empty.add(query.id);
        if (documents_.contains(query.id)) documents_too.add(query.id);
      }
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      bad.add(error.what());
    }
    report("unreadable_queries", "the queries cannot be read", true, bad);
    report("empty_queries", "queries have no text", false, empty);
    report("query_ids_of_documents",
           "queries have the id of a document (if it is the same text, a run should leave it out)", false,
           documents_too);
  }

  void judgements() {
    const auto path = find_judgements(request_.judgements);
    const auto all = TrecJudgements::read(path, JudgementFormat::qrels);
    Tally unknown_documents, unknown_queries, unjudged;
    Ids judged;
    for (const auto& query : all.queries()) {
      ++check_.judged_queries;
      judged.emplace(query.id);
      if (!queries_.empty() && !queries_.contains(std::string(query.id)))
        unknown_queries.add(std::string(query.id));
      for (const auto& judgement : query.judged) {
        ++check_.judgements;
        if (!documents_.contains(std::string(judgement.doc)))
          unknown_documents.add(fmt::format("{} (of query {})", judgement.doc, query.id));
      }
    }
    for (const auto& query : queries_)
      if (!judged.contains(query)) unjudged.add(query);
    std::sort(unjudged.examples.begin(), unjudged.examples.end());
    report("unknown_documents", "judgements are of documents that the collection does not have", true,
           unknown_documents);
    report("unknown_queries", "judged queries are not among the queries", true, unknown_queries);
    report("unjudged_queries", "queries have no judgement", false, unjudged);
  }

  const CheckRequest& request_;
  CollectionCheck check_;
  Ids documents_, queries_;
};

}  // namespace

bool CollectionCheck::wrong() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const CheckFinding& finding) { return finding.wrong; });
}

CollectionCheck check_collection(const CheckRequest& request) {
  return Checker(request).run();
}

}  // namespace coppice
