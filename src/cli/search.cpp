#include <chrono>
#include <iostream>
#include <mutex>
#include <unordered_map>

#include <unistd.h>

#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/table.h"
#include "cli/search_options.h"
#include "format/trec.h"
#include "index/search/snippet.h"
#include "model/sentence/sentence_encoder.h"

namespace coppice {
namespace {

using SparseVectors = std::unordered_map<std::string, std::vector<WeightedTerm>>;

SparseVectors read_sparse(const std::filesystem::path& path) {
  SparseVectors vectors;
  if (path.empty()) return vectors;
  CollectionOptions options;
  options.format = CollectionFormat::jsonl;
  options.sparse = true;
  const auto reader = open_collection(path, options);
  for (SourceDocument document; reader->next(document);) {
    auto& vector = vectors[document.id];
    for (auto& [term, weight] : document.sparse) vector.push_back({std::move(term), weight});
  }
  return vectors;
}

// One query after another on one state of an index.
class Session {
 public:
  Session(const SearchOptions& options, const SparseVectors& sparse)
      : options_(options), sparse_(sparse), reader_(options.index, options.degraded), searcher_(reader_) {
    searcher_.set_filter(options.filter);
    mode_ = options.mode;
    const IndexSpec& spec = reader_.spec();
    if (mode_ == SearchMode::automatic)
      mode_ = spec.text     ? SearchMode::bm25
              : spec.sparse ? SearchMode::sparse
              : spec.dense  ? SearchMode::dense
                            : SearchMode::late;
    if (options.k1 || options.b) {
      Bm25 bm25 = spec.text ? spec.text->bm25 : Bm25();
      bm25.k1 = options.k1.value_or(bm25.k1);
      bm25.b = options.b.value_or(bm25.b);
      text_.bm25 = bm25;
    }
    text_.pruning = options.pruning;
  }

  std::vector<Hit> search(const SourceQuery& query, size_t k) {
    switch (mode_) {
      case SearchMode::sparse:
        return searcher_.sparse(sparse_query(query), k, text_);
      case SearchMode::dense:
        return searcher_.dense(encoded(query.text), k);
      case SearchMode::late:
        throw Error({.where = "--mode late", .found = "no token vectors of the query"}, Fault::usage);
      default:
        break;
    }
    clauses_ =
        parse_query(query.text, options_.syntax.value_or(QuerySyntax::operators), searcher_.analyzer());
    if (options_.feedback.method == TextFeedback::none) return searcher_.text(clauses_, k, text_);
    const size_t depth = std::max(k, static_cast<size_t>(options_.feedback.documents));
    std::vector<WeightedTerm> words;
    for (const auto& clause : clauses_)
      for (const auto& term : clause.terms) words.push_back({term.text, 1});
    const auto first = searcher_.terms(words, depth, text_);
    return searcher_.terms(feed_back(searcher_, words, first, options_.feedback), k, text_);
  }

  std::vector<ScorePart> explain(const SourceQuery& query, const Hit& hit) {
    if (mode_ == SearchMode::sparse) return searcher_.explain_sparse(sparse_query(query), hit);
    if (mode_ == SearchMode::bm25 && options_.feedback.method == TextFeedback::none)
      return searcher_.explain_text(clauses_, hit, text_);
    throw Error({.where = "--explain",
                 .found = "a mode that has no parts to show",
                 .expected = "bm25 without feedback, or sparse"},
                Fault::usage);
  }

  IndexReader& reader() { return reader_; }
  Searcher& searcher() { return searcher_; }
  const std::vector<QueryClause>& clauses() const { return clauses_; }
  SearchMode mode() const { return mode_; }

 private:
  const std::vector<WeightedTerm>& sparse_query(const SourceQuery& query) {
    const auto found = sparse_.find(query.id);
    if (found == sparse_.end())
      throw Error({.where = options_.query_sparse.empty() ? "--mode sparse" : options_.query_sparse.string(),
                   .found = fmt::format("no vector of query '{}'", query.id),
                   .expected = "--query-sparse FILE with {id, vector} of every query"},
                  Fault::usage);
    return found->second;
  }

  std::vector<float> encoded(const std::string& text) {
    if (!encoder_) {
      const IndexSpec& spec = reader_.spec();
      if (!spec.dense || spec.dense->encoder.empty())
        throw Error({.where = "--mode dense", .found = "no vector of the query, and no encoder in the index"},
                    Fault::usage);
      SentenceOptions how;
      how.prompt_name = options_.query_prompt_name;
      encoder_ = std::make_unique<SentenceEncoder>(spec.dense->encoder, how);
    }
    return encoder_->encode(std::span(&text, 1));
  }

  const SearchOptions& options_;
  const SparseVectors& sparse_;
  IndexReader reader_;
  Searcher searcher_;
  SearchMode mode_;
  TextSearch text_;
  std::unique_ptr<SentenceEncoder> encoder_;
  std::vector<QueryClause> clauses_;  // of the last query to text
};

std::string plain_text(const Json& fields, const char* but) {
  std::string text;
  for (const auto& [name, content] : fields.items())
    if (name != but && content.is_string()) text += (text.empty() ? "" : " ") + content.get<std::string>();
  return text;
}

Json parts_json(const std::vector<ScorePart>& parts) {
  Json list = Json::array();
  for (const ScorePart& part : parts) {
    Json one = {{"term", part.term}, {"value", part.value}, {"weight", part.weight}, {"score", part.score}};
    if (part.idf > 0) one["idf"] = part.idf;
    list.push_back(one);
  }
  return list;
}

std::string parts_text(const std::vector<ScorePart>& parts) {
  std::string text;
  for (const ScorePart& part : parts)
    text += part.idf > 0 ? fmt::format("      {:>9.4f}  {}  (idf {:.4f}, {} times, weight {:g})\n",
                                       part.score, part.term, part.idf, part.value, part.weight)
                         : fmt::format("      {:>9.4f}  {}  ({} steps, weight {:g})\n", part.score, part.term,
                                       part.value, part.weight);
  return text;
}

int search_one(const SearchOptions& options) {
  const SparseVectors sparse = read_sparse(options.query_sparse);
  Session session(options, sparse);
  for (const auto& line : session.reader().left_out()) log_warning("left out: {}", line);
  SourceQuery query;
  query.id = sparse.size() == 1 ? sparse.begin()->first : "1";
  query.text = options.query;
  const auto start = std::chrono::steady_clock::now();
  const auto hits = session.search(query, static_cast<size_t>(options.k.value_or(10)));
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();

  const bool color = ::isatty(STDOUT_FILENO) != 0;
  constexpr size_t width = 240;
  Json list = Json::array();
  std::string text;
  for (size_t i = 0; i < hits.size(); ++i) {
    const StoredDocument document = session.reader().fetch(hits[i].part, hits[i].doc);
    const std::string title = document.fields.contains("title") && document.fields["title"].is_string()
                                  ? document.fields["title"].get<std::string>()
                                  : "";
    Json one = {{"rank", i + 1}, {"id", hits[i].id}, {"score", hits[i].score}};
    text += fmt::format("{:>3}  {:.4f}  {}{}{}\n", i + 1, hits[i].score, hits[i].id,
                        title.empty() ? "" : "  ", title);
    if (session.reader().spec().keep_fields && session.reader().spec().text) {
      const Snippet snippet = make_snippet(plain_text(document.fields, "title"), session.clauses(),
                                           session.searcher().analyzer(), width);
      if (!snippet.text.empty())
        text += "     " + marked(snippet, color ? "\033[1m" : "", color ? "\033[0m" : "") + "\n";
      one["snippet"] = marked(snippet, "<b>", "</b>");
    }
    one["fields"] = document.fields;
    one["metadata"] = document.metadata;
    if (options.explain) {
      const auto parts = session.explain(query, hits[i]);
      one["explanation"] = parts_json(parts);
      text += parts_text(parts);
    }
    list.push_back(std::move(one));
  }
  const Json json = {{"query", options.query},
                     {"mode", to_string(session.mode())},
                     {"hits", std::move(list)},
                     {"documents", session.reader().documents()},
                     {"left_out", session.reader().left_out()},
                     {"milliseconds", ms}};
  if (hits.empty()) text = "nothing found\n";
  print_result(options.common, json, text);
  log_debug("{:.3f} ms", ms);
  return 0;
}

double at_share(std::vector<double> times, double share) {
  if (times.empty()) return 0;
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(times.size() - 1));
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

int search_all(SearchOptions options) {
  CollectionOptions how;
  how.topic_part = options.topic_part;
  const auto queries = read_queries(options.queries, how);
  if (queries.empty()) throw Error({.where = options.queries.string(), .found = "no queries"});
  if (!options.syntax) options.syntax = QuerySyntax::plain;
  const size_t k = static_cast<size_t>(options.k.value_or(1000));
  const SparseVectors sparse = read_sparse(options.query_sparse);

  // Every share of the queries has a session of its own on the same index.
  std::vector<std::vector<Hit>> found(queries.size());
  std::vector<double> times(queries.size());
  std::vector<std::string> left_out;
  std::mutex mutex;
  Progress progress("search", static_cast<int64_t>(queries.size()), "queries");
  const int64_t count = static_cast<int64_t>(queries.size()),
                shares = std::min<int64_t>(thread_count(), count);
  parallel_for(shares, 1, [&](int64_t from, int64_t to) {
    for (int64_t share = from; share < to; ++share) {
      Session session(options, sparse);
      for (int64_t i = count * share / shares; i < count * (share + 1) / shares; ++i) {
        const auto start = std::chrono::steady_clock::now();
        found[static_cast<size_t>(i)] = session.search(queries[static_cast<size_t>(i)], k);
        times[static_cast<size_t>(i)] =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        const std::lock_guard lock(mutex);
        progress.advance(1);
        left_out = session.reader().left_out();
      }
    }
  });
  for (const auto& line : left_out) log_warning("left out: {}", line);

  int64_t hits = 0, empty = 0;
  std::string text;
  std::optional<RunWriter> writer;
  if (!options.output.empty()) writer.emplace(options.output, options.tag);
  for (size_t i = 0; i < queries.size(); ++i) {
    std::vector<RunDoc> docs;
    for (const Hit& hit : found[i]) docs.push_back({hit.id, hit.score});
    hits += static_cast<int64_t>(docs.size());
    empty += docs.empty();
    if (writer)
      writer->add(queries[i].id, docs);
    else if (!options.common.json)
      for (size_t rank = 0; rank < docs.size(); ++rank)
        append_run_line(text, queries[i].id, docs[rank].doc, rank + 1, docs[rank].score, options.tag);
  }
  if (writer) writer->commit();
  const Json json = {{"queries", queries.size()},      {"hits", hits},
                     {"without_hits", empty},          {"output", options.output.string()},
                     {"ms_p50", at_share(times, 0.5)}, {"ms_p95", at_share(times, 0.95)}};
  const std::string summary =
      fmt::format("{} queries, {} hits ({} queries without any), {:.3f} ms at the median, {:.3f} ms at 95%",
                  queries.size(), hits, empty, at_share(times, 0.5), at_share(times, 0.95));
  if (options.output.empty() && !options.common.json) {
    std::cout << text;
    log_info("{}", summary);
    return 0;
  }
  print_result(options.common, json, summary + " -> " + options.output.string() + "\n");
  return 0;
}

}  // namespace

int run_search(const SearchOptions& options) {
  if (options.query.empty() == options.queries.empty() && options.query_sparse.empty())
    throw Error({.where = "coppice search",
                 .found = options.query.empty() ? "no query" : "a query and --queries",
                 .expected = "a query, or --queries FILE"},
                Fault::usage);
  return options.queries.empty() ? search_one(options) : search_all(options);
}

}  // namespace coppice
