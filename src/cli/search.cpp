#include <chrono>
#include <mutex>
#include <unordered_map>

#include <unistd.h>

#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/table.h"
#include "cli/rerank.h"
#include "cli/run_output.h"
#include "cli/search_options.h"
#include "format/vector_file.h"
#include "index/search/snippet.h"
#include "model/sentence/sentence_encoder.h"

namespace coppice {
namespace {

using SparseVectors = std::unordered_map<std::string, std::vector<WeightedTerm>>;

// What files say of queries.
struct QueryFiles {
  SparseVectors sparse;
  std::optional<VectorFile> dense, late;
  explicit QueryFiles(const SearchOptions& options) {
    if (!options.query_sparse.empty()) {
      CollectionOptions how;
      how.format = CollectionFormat::jsonl;
      how.sparse = true;
      const auto reader = open_collection(options.query_sparse, how);
      for (SourceDocument document; reader->next(document);) {
        auto& vector = sparse[document.id];
        for (auto& [term, weight] : document.sparse) vector.push_back({std::move(term), weight});
      }
    }
    if (!options.query_dense.empty()) dense = VectorFile::open(options.query_dense, VectorsOf::texts);
    if (!options.query_late.empty()) late = VectorFile::open(options.query_late, VectorsOf::tokens);
  }
  // The id of a query on the command line: that of the files' only query.
  std::string only_id() const {
    if (sparse.size() == 1) return sparse.begin()->first;
    if (dense && dense->ids().size() == 1) return dense->ids()[0];
    if (late && late->ids().size() == 1) return late->ids()[0];
    return "1";
  }
};

SearchPlan plan_of(const SearchOptions& options, const IndexSpec& spec) {
  SearchPlan plan = {.mode = options.mode,
                     .parts = options.parts,
                     .fusion = options.fusion,
                     .depth = options.depth,
                     .first = options.first,
                     .first_depth = options.first_depth,
                     .passages = options.passages,
                     .text = {},
                     .dense = {.exact = options.exact,
                               .ef_search = options.ef_search,
                               .probes = options.probes,
                               .refine = options.refine},
                     .late = {.exact = options.exact,
                              .nprobe = options.nprobe,
                              .candidates = options.late_candidates,
                              .threshold = options.late_threshold},
                     .feedback = options.feedback};
  if (options.k1 || options.b) {
    Bm25 bm25 = spec.text ? spec.text->bm25 : Bm25();
    bm25.k1 = options.k1.value_or(bm25.k1);
    bm25.b = options.b.value_or(bm25.b);
    plan.text.bm25 = bm25;
  }
  plan.text.pruning = options.pruning;
  return plan;
}

// One query after another on one state of an index.
class Session {
 public:
  Session(const SearchOptions& options, const QueryFiles& files, IndexReader& reader)
      : options_(options), files_(files), reader_(reader), searcher_(reader_) {
    searcher_.set_filter(options.filter);
    search_.emplace(searcher_, plan_of(options, reader_.spec()));
  }

  // Vectors of these queries, if the index is searched by those of its own encoder; else nothing. All at once: one encoder
  // is loaded, and all threads multiply together. A text's vector does not depend on its company.
  std::vector<float> encode(std::span<const SourceQuery> queries) const {
    const auto searched = search_->searched();
    if (std::find(searched.begin(), searched.end(), SearchMode::dense) == searched.end()) return {};
    const DensePartSpec& dense = *reader_.spec().dense;
    if (files_.dense || dense.encoder.empty()) return {};
    SentenceOptions how;
    how.prompt_name = options_.query_prompt_name;
    how.batch = 16;  // more queries in a pass take memory and are no faster
    SentenceEncoder encoder(dense.encoder, how);
    if (encoder.width() != dense.dim)
      throw Error({.where = dense.encoder,
                   .found = fmt::format("vectors of {} dimensions", encoder.width()),
                   .expected = fmt::format("{}, as the index has", dense.dim)});
    std::vector<std::string> texts;
    for (const auto& query : queries) texts.push_back(plain(query));
    Progress progress("encode", static_cast<int64_t>(texts.size()), "queries");
    auto vectors = encoder.encode(texts, [&](int64_t count) { progress.advance(count); });
    if (encoder.truncated() > 0)
      log_info("{} of {} queries were cut: the encoder reads {} tokens", encoder.truncated(), texts.size(),
               encoder.max_tokens());
    return vectors;
  }

  // `encoded`: what `encode` gave for this query.
  std::vector<Hit> search(const SourceQuery& query, std::span<const float> encoded, size_t k) {
    query_ = {};
    if (reader_.spec().text) query_.clauses = parse_query(query.text, syntax(), searcher_.analyzer());
    for (const SearchMode part : search_->searched()) {
      if (part == SearchMode::sparse) query_.sparse = sparse_of(query);
      if (part == SearchMode::dense) query_.dense = dense_of(query, encoded);
      if (part == SearchMode::late) query_.tokens = tokens_of(query);
    }
    return search_->search(query_, options_.rerank.empty() ? k : static_cast<size_t>(options_.rerank_depth));
  }

  // A query as encoders and rerankers read it.
  std::string plain(const SourceQuery& query) const {
    const bool operators = reader_.spec().text && syntax() == QuerySyntax::operators;
    return operators ? without_operators(query.text) : query.text;
  }

  Explanation explain(const Hit& hit) { return search_->explain(query_, hit); }

  Searcher& searcher() { return searcher_; }
  const std::vector<QueryClause>& clauses() const { return query_.clauses; }
  SearchMode mode() const { return search_->mode(); }

 private:
  QuerySyntax syntax() const { return options_.syntax.value_or(QuerySyntax::operators); }

  [[noreturn]] static void no_vector(const std::filesystem::path& path, const char* option,
                                     const std::string& id) {
    throw Error({.where = path.empty() ? option : path.string(),
                 .found = fmt::format("no vector of query '{}'", id),
                 .expected = fmt::format("{} FILE with one of every query", option)},
                path.empty() ? Fault::usage : Fault::input);
  }

  const std::vector<WeightedTerm>& sparse_of(const SourceQuery& query) {
    const auto found = files_.sparse.find(query.id);
    if (found == files_.sparse.end()) no_vector(options_.query_sparse, "--query-sparse", query.id);
    return found->second;
  }

  std::vector<float> tokens_of(const SourceQuery& query) {
    auto found = files_.late ? files_.late->find(query.id) : std::nullopt;
    if (!found) no_vector(options_.query_late, "--query-late", query.id);
    if (files_.late->dim() != reader_.spec().late->dim)
      throw Error({.where = options_.query_late.string(),
                   .found = fmt::format("vectors of {} dimensions", files_.late->dim()),
                   .expected = fmt::format("{}, as the index has", reader_.spec().late->dim)});
    return *std::move(found);
  }

  std::vector<float> dense_of(const SourceQuery& query, std::span<const float> encoded) {
    if (!encoded.empty()) return {encoded.begin(), encoded.end()};
    auto found = files_.dense ? files_.dense->find(query.id) : std::nullopt;
    if (!found) no_vector(options_.query_dense, "--query-dense", query.id);
    const int64_t dim = reader_.spec().dense->dim;
    if (static_cast<int64_t>(found->size()) != dim)
      throw Error({.where = fmt::format("{}, query '{}'", options_.query_dense.string(), query.id),
                   .found = fmt::format("{} numbers", found->size()),
                   .expected = fmt::format("one vector of {} dimensions, as the index has", dim)});
    return *std::move(found);
  }

  const SearchOptions& options_;
  const QueryFiles& files_;
  IndexReader& reader_;
  Searcher searcher_;
  std::optional<PlannedSearch> search_;
  SearchQuery query_;  // the last one
};

void leave_out_damaged(IndexReader& reader, const SearchOptions& options) {
  if (options.degraded) reader.leave_out_damaged();
  for (const auto& line : reader.left_out()) log_warning("left out: {}", line);
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

std::string plain_text(const Json& fields, const char* but) {
  std::string text;
  for (const auto& [name, content] : fields.items())
    if (name != but && content.is_string()) text += (text.empty() ? "" : " ") + content.get<std::string>();
  return text;
}

int search_one(const SearchOptions& options) {
  const QueryFiles files(options);
  IndexReader reader(options.index, options.degraded);
  Session session(options, files, reader);
  leave_out_damaged(reader, options);
  SourceQuery query;
  query.id = files.only_id();
  query.text = options.query;
  const auto start = std::chrono::steady_clock::now();
  const auto k = static_cast<size_t>(options.k.value_or(10));
  auto hits = session.search(query, session.encode(std::span(&query, 1)), k);
  if (!options.rerank.empty()) {
    std::vector<RerankQuery> pairs = {{query.id, session.plain(query), std::move(hits)}};
    rerank(reader, pairs, options.rerank);
    hits = std::move(pairs[0].hits);
    rank(hits, k);
  }
  const double ms = milliseconds_since(start);

  const bool color = ::isatty(STDOUT_FILENO) != 0;
  constexpr size_t width = 240;
  Json list = Json::array();
  std::string text;
  for (size_t i = 0; i < hits.size(); ++i) {
    const StoredDocument document = reader.fetch(hits[i].part, hits[i].doc);
    const std::string title = document.fields.contains("title") && document.fields["title"].is_string()
                                  ? document.fields["title"].get<std::string>()
                                  : "";
    Json one = {{"rank", i + 1}, {"id", hits[i].id}, {"score", hits[i].score}};
    text += fmt::format("{:>3}  {:.4f}  {}{}{}\n", i + 1, hits[i].score, hits[i].id,
                        title.empty() ? "" : "  ", title);
    if (reader.spec().keep_fields && reader.spec().text) {
      const Snippet snippet = make_snippet(plain_text(document.fields, "title"), session.clauses(),
                                           session.searcher().analyzer(), width);
      if (!snippet.text.empty())
        text += "     " + marked(snippet, color ? "\033[1m" : "", color ? "\033[0m" : "") + "\n";
      one["snippet"] = marked(snippet, "<b>", "</b>");
    }
    one["fields"] = document.fields;
    one["metadata"] = document.metadata;
    if (options.explain) {
      const auto [why, lines] = session.explain(hits[i]);
      one["explanation"] = why;
      text += lines;
    }
    list.push_back(std::move(one));
  }
  const Json json = {{"query", options.query},        {"mode", to_string(session.mode())},
                     {"hits", std::move(list)},       {"documents", reader.documents()},
                     {"left_out", reader.left_out()}, {"milliseconds", ms}};
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
  const QueryFiles files(options);

  // Every share of the queries has a session of its own on the same state of the index.
  IndexReader reader(options.index, options.degraded);
  leave_out_damaged(reader, options);
  const int64_t count = static_cast<int64_t>(queries.size()),
                shares = std::min<int64_t>(thread_count(), count);
  std::vector<std::unique_ptr<Session>> sessions(static_cast<size_t>(shares));
  sessions[0] = std::make_unique<Session>(options, files, reader);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<float> encoded = sessions[0]->encode(queries);
  const double encoding_ms = milliseconds_since(start);
  const size_t dim = encoded.size() / queries.size();
  std::vector<std::vector<Hit>> found(queries.size());
  std::vector<double> times(queries.size());
  std::mutex mutex;
  Progress progress("search", count, "queries");
  parallel_for(shares, 1, [&](int64_t from, int64_t to) {
    for (int64_t share = from; share < to; ++share) {
      auto& session = sessions[static_cast<size_t>(share)];
      if (!session) session = std::make_unique<Session>(options, files, reader);
      const auto end = static_cast<size_t>(count * (share + 1) / shares);
      for (auto i = static_cast<size_t>(count * share / shares); i < end; ++i) {
        const auto began = std::chrono::steady_clock::now();
        found[i] = session->search(queries[i], std::span(encoded).subspan(i * dim, dim), k);
        times[i] = milliseconds_since(began);
        const std::lock_guard lock(mutex);
        progress.advance(1);
      }
      session.reset();
    }
  });
  if (!options.rerank.empty()) {
    const bool operators = *options.syntax == QuerySyntax::operators;
    std::vector<RerankQuery> pairs;
    for (size_t i = 0; i < queries.size(); ++i)
      pairs.push_back({queries[i].id, operators ? without_operators(queries[i].text) : queries[i].text,
                       std::move(found[i])});
    rerank(reader, pairs, options.rerank);
    for (size_t i = 0; i < queries.size(); ++i) {
      found[i] = std::move(pairs[i].hits);
      rank(found[i], k);
    }
  }

  int64_t empty = 0;
  RunOutput output(options.output, options.tag, options.common);
  for (size_t i = 0; i < queries.size(); ++i) {
    std::vector<RunDoc> docs;
    for (const Hit& hit : found[i]) docs.push_back({hit.id, hit.score});
    empty += docs.empty();
    output.add(queries[i].id, docs);
  }
  Json json = {{"queries", queries.size()},
               {"without_hits", empty},
               {"left_out", reader.left_out()},
               {"ms_p50", at_share(times, 0.5)},
               {"ms_p95", at_share(times, 0.95)}};
  std::string summary =
      fmt::format("{} queries, {} hits ({} queries without any), {:.3f} ms at the median, {:.3f} ms at 95%",
                  queries.size(), output.hits(), empty, at_share(times, 0.5), at_share(times, 0.95));
  if (!encoded.empty()) {
    json["encoding_ms"] = encoding_ms;
    summary += fmt::format(", encoding {:.3f} ms a query", encoding_ms / static_cast<double>(count));
  }
  output.finish(std::move(json), summary);
  return 0;
}

}  // namespace

int run_search(const SearchOptions& options) {
  const bool by_vector =
      !options.query_sparse.empty() || !options.query_dense.empty() || !options.query_late.empty();
  if (options.query.empty() == options.queries.empty() && !by_vector)
    throw Error({.where = "coppice search",
                 .found = options.query.empty() ? "no query" : "a query and --queries",
                 .expected = "a query, or --queries FILE"},
                Fault::usage);
  return options.queries.empty() ? search_one(options) : search_all(options);
}

}  // namespace coppice
