#include "index/search/planned_search.h"

#include <algorithm>

#include "index/feedback/token_feedback.h"
#include "index/feedback/vector_feedback.h"
#include "index/fuse/passages.h"

namespace coppice {
namespace {

bool has_part(const IndexSpec& spec, SearchMode mode) {
  switch (mode) {
    case SearchMode::bm25:
      return spec.text.has_value();
    case SearchMode::sparse:
      return spec.sparse.has_value();
    case SearchMode::dense:
      return spec.dense.has_value();
    case SearchMode::late:
      return spec.late.has_value();
    default:
      return false;
  }
}

std::vector<SearchMode> parts_of(const IndexSpec& spec) {
  std::vector<SearchMode> parts;
  for (const auto mode : {SearchMode::bm25, SearchMode::sparse, SearchMode::dense, SearchMode::late})
    if (has_part(spec, mode)) parts.push_back(mode);
  return parts;
}

void need_part(const IndexSpec& spec, SearchMode mode, const char* option) {
  if (has_part(spec, mode)) return;
  std::string there;
  for (const auto part : parts_of(spec)) there += (there.empty() ? "" : ", ") + to_string(part);
  throw Error({.where = option, .found = to_string(mode), .expected = "a part that the index has: " + there},
              Fault::usage);
}

void missing(SearchMode mode) {
  throw Error({.where = "--mode " + to_string(mode),
               .found = mode == SearchMode::dense ? "no vector of the query" : "no vectors of the query",
               .advice = "give it with --query-" + to_string(mode) + " FILE"},
              Fault::usage);
}

std::string part_line(const ScorePart& part, const char* unit) {
  const std::string idf = part.idf > 0 ? fmt::format("idf {:.4f}, ", part.idf) : "";
  return fmt::format("      {:>9.4f}  {}  ({}{} {}, weight {:g})\n", part.score, part.term, idf, part.value,
                     unit, part.weight);
}

Explanation of_parts(const std::vector<ScorePart>& parts, const char* unit) {
  Explanation made = {Json::array(), ""};
  for (const ScorePart& part : parts) {
    Json one = {{"term", part.term}, {"value", part.value}, {"weight", part.weight}, {"score", part.score}};
    if (part.idf > 0) one["idf"] = part.idf;
    made.json.push_back(one);
    made.text += part_line(part, unit);
  }
  return made;
}

}  // namespace

PlannedSearch::PlannedSearch(Searcher& searcher, SearchPlan plan)
    : searcher_(searcher), plan_(std::move(plan)) {
  const IndexSpec& spec = searcher_.reader().spec();
  const auto there = parts_of(spec);
  COPPICE_CHECK(!there.empty());
  if (plan_.mode == SearchMode::automatic) plan_.mode = there.front();
  collapse_ = spec.windows.has_value() && !plan_.passages;
  if (plan_.mode == SearchMode::hybrid) {
    if (plan_.parts.empty()) plan_.parts = there;
    for (const auto part : plan_.parts) need_part(spec, part, "--parts");
    for (size_t i = 0; i < plan_.parts.size(); ++i)
      if (std::count(plan_.parts.begin(), plan_.parts.end(), plan_.parts[i]) > 1)
        throw Error({.where = "--parts", .found = to_string(plan_.parts[i]) + " twice"}, Fault::usage);
    fuse(std::vector<std::vector<RunDoc>>(plan_.parts.size()), plan_.fusion, 0);  // checks the weights
  } else {
    need_part(spec, plan_.mode, "--mode");
  }
  if (plan_.first) need_part(spec, *plan_.first, "--first");
  if (plan_.feedback.method != Feedback::none) {
    const auto parts = plan_.mode == SearchMode::hybrid ? plan_.parts : std::vector{plan_.mode};
    if (std::none_of(parts.begin(), parts.end(), [&](SearchMode mode) { return has_feedback(mode); }))
      throw Error(
          {.where = "--feedback",
           .found = fmt::format("{} with --mode {}", to_string(plan_.feedback.method), to_string(plan_.mode)),
           .expected = "rm3 or rocchio with bm25, rocchio with dense, colbert_prf with late"},
          Fault::usage);
  }
}

std::vector<SearchMode> PlannedSearch::searched() const {
  std::vector<SearchMode> parts =
      plan_.mode == SearchMode::hybrid ? plan_.parts : std::vector<SearchMode>{plan_.mode};
  if (plan_.first && std::find(parts.begin(), parts.end(), *plan_.first) == parts.end())
    parts.push_back(*plan_.first);
  return parts;
}

bool PlannedSearch::has_feedback(SearchMode mode) const {
  if (first_stage_) return false;
  switch (plan_.feedback.method) {
    case Feedback::rm3:
      return mode == SearchMode::bm25;
    case Feedback::rocchio:
      return mode == SearchMode::bm25 || mode == SearchMode::dense;
    case Feedback::colbert_prf:
      return mode == SearchMode::late;
    default:
      return false;
  }
}

TokenMatrix PlannedSearch::tokens_of(const SearchQuery& query) const {
  if (!query.tokens) missing(SearchMode::late);
  return {*query.tokens, searcher_.reader().spec().late->dim};
}

std::vector<Hit> PlannedSearch::by_text(size_t k) {
  if (!has_feedback(SearchMode::bm25)) return searcher_.text(scored_, k, plan_.text);
  std::vector<WeightedTerm> words;
  for (const auto& clause : scored_)
    for (const auto& term : clause.terms) words.push_back({term.text, 1});
  const auto first =
      searcher_.terms(words, static_cast<size_t>(plan_.feedback.taken_documents()), plan_.text);
  fed_terms_ = feed_back(searcher_, words, first, plan_.feedback);
  return searcher_.terms(fed_terms_, k, plan_.text);
}

std::vector<Hit> PlannedSearch::by_vector(const SearchQuery& query, size_t k) {
  if (!query.dense) missing(SearchMode::dense);
  if (!has_feedback(SearchMode::dense)) return searcher_.dense(*query.dense, k, plan_.dense);
  const auto first =
      searcher_.dense(*query.dense, static_cast<size_t>(plan_.feedback.taken_documents()), plan_.dense);
  fed_vector_ = feed_back_vector(searcher_, *query.dense, first, plan_.feedback);
  return searcher_.dense(fed_vector_, k, plan_.dense);
}

std::vector<Hit> PlannedSearch::by_tokens(const SearchQuery& query, size_t k) {
  const TokenMatrix tokens = tokens_of(query);
  if (!has_feedback(SearchMode::late)) return searcher_.late(tokens, k, plan_.late);
  const auto first =
      searcher_.late(tokens, static_cast<size_t>(plan_.feedback.taken_documents()), plan_.late);
  auto fed = feed_back_tokens(searcher_, tokens, first,
                              {.documents = plan_.feedback.taken_documents(),
                               .expansion = plan_.feedback.terms,
                               .beta = plan_.feedback.beta.value_or(1)});
  fed_tokens_ = std::move(fed.values);
  fed_weights_ = std::move(fed.weights);
  LateSearchOptions options = plan_.late;
  options.weights = fed_weights_;
  return searcher_.late({fed_tokens_, tokens.dim}, k, options);
}

// Documents of the index, which may be windows, by one part.
std::vector<Hit> PlannedSearch::ranked(SearchMode mode, const SearchQuery& query, size_t k) {
  switch (mode) {
    case SearchMode::sparse:
      if (!query.sparse) missing(mode);
      return searcher_.sparse(*query.sparse, k, plan_.text);
    case SearchMode::dense:
      return by_vector(query, k);
    case SearchMode::late:
      return by_tokens(query, k);
    default:
      return by_text(k);
  }
}

std::vector<Hit> PlannedSearch::documents(SearchMode mode, const SearchQuery& query, size_t k) {
  if (!collapse_) return ranked(mode, query, k);
  return best_passages(k, [&](size_t wanted) { return ranked(mode, query, wanted); });
}

std::optional<double> PlannedSearch::score(SearchMode mode, const SearchQuery& query, const Hit& hit) {
  switch (mode) {
    case SearchMode::sparse:
      return searcher_.sparse_score(*query.sparse, hit);
    case SearchMode::dense:
      return searcher_.dense_score(has_feedback(mode) ? fed_vector_ : *query.dense, hit);
    case SearchMode::late:
      if (has_feedback(mode))
        return searcher_.late_score({fed_tokens_, tokens_of(query).dim}, hit, fed_weights_);
      return searcher_.late_score(tokens_of(query), hit);
    default:
      if (has_feedback(mode)) return std::nullopt;
      return searcher_.text_score(query.clauses, hit, plan_.text);
  }
}

// Gives documents that other parts have found their scores by this one, if they have any.
void PlannedSearch::add_missing(SearchMode mode, const SearchQuery& query,
                                const std::map<std::string, Hit>& all, std::vector<Hit>& hits) {
  std::map<std::string_view, const Hit*> there;
  for (const Hit& hit : hits) there[hit.id] = &hit;
  std::vector<Hit> added;
  for (const auto& entry : all) {
    const std::string& id = entry.first;
    const Hit& hit = entry.second;
    if (there.contains(id)) continue;
    std::optional<Hit> best;
    const auto offer = [&](size_t part, DocOrdinal doc) {
      Hit candidate{id, 0, part, doc};
      const auto found = score(mode, query, candidate);
      if (!found || (best && best->score >= *found)) return;
      candidate.score = *found;
      best = candidate;
    };
    if (collapse_) {
      for (size_t number = 1;; ++number) {
        const auto place = searcher_.reader().find(passage_id(id, number));
        if (!place) break;
        offer(place->part, place->doc);
      }
    } else {
      offer(hit.part, hit.doc);
    }
    const bool counts = mode == SearchMode::dense || mode == SearchMode::late || (best && best->score > 0);
    if (best && counts) added.push_back(*best);
  }
  hits.insert(hits.end(), added.begin(), added.end());
  rank(hits, hits.size());
}

std::vector<Hit> PlannedSearch::fused(const SearchQuery& query, size_t k) {
  const size_t depth = std::max(k, static_cast<size_t>(plan_.depth));
  const auto weight_of = [&](size_t i) { return plan_.fusion.weights.empty() ? 1 : plan_.fusion.weights[i]; };
  std::vector<std::vector<Hit>> found;
  std::map<std::string, Hit> all;
  for (size_t i = 0; i < plan_.parts.size(); ++i) {
    found.push_back(weight_of(i) > 0 ? documents(plan_.parts[i], query, depth) : std::vector<Hit>());
    for (const Hit& hit : found.back()) all.try_emplace(hit.id, hit);
  }
  if (plan_.fusion.method != FuseMethod::rrf)
    for (size_t i = 0; i < plan_.parts.size(); ++i)
      if (weight_of(i) > 0) add_missing(plan_.parts[i], query, all, found[i]);
  std::vector<std::vector<RunDoc>> lists;
  for (const auto& hits : found) {
    auto& list = lists.emplace_back();
    for (const Hit& hit : hits) list.push_back({hit.id, hit.score});
  }
  last_fused_.clear();
  std::vector<Hit> hits;
  for (FusedDoc& doc : fuse(lists, plan_.fusion, k, true)) {
    Hit hit = all.at(std::string(doc.doc));
    hit.score = doc.score;
    hits.push_back(hit);
    last_fused_[hit.id] = std::move(doc.parts);
  }
  return hits;
}

std::vector<Hit> PlannedSearch::search(const SearchQuery& query, size_t k) {
  scored_.clear();
  for (const QueryClause& clause : query.clauses) {
    if (clause.role == QueryClause::Role::excluded) continue;
    scored_.push_back(clause);
    scored_.back().role = QueryClause::Role::optional;
  }
  searcher_.constrain(query.clauses, collapse_);
  if (plan_.first) {
    // All windows of a document are searched again.
    first_stage_ = true;
    const auto candidates = documents(*plan_.first, query, static_cast<size_t>(plan_.first_depth));
    first_stage_ = false;
    searcher_.restrict_to(candidates);
  }
  auto hits = plan_.mode == SearchMode::hybrid ? fused(query, k) : documents(plan_.mode, query, k);
  searcher_.lift_restriction();
  searcher_.lift_constraint();
  return hits;
}

Explanation PlannedSearch::explain_part(SearchMode mode, const SearchQuery& query, const Hit& hit) {
  const Segment& segment = *searcher_.reader().parts()[hit.part].segment;
  Explanation made = {Json::array(), ""};
  switch (mode) {
    case SearchMode::sparse:
      return of_parts(searcher_.explain_sparse(*query.sparse, hit), "steps");
    case SearchMode::dense: {
      const auto& vector = has_feedback(mode) ? fed_vector_ : *query.dense;
      const size_t count = segment.dense().vectors_of(hit.doc).size();
      const double similarity = searcher_.dense_score(vector, hit).value_or(0);
      made.json = {{"similarity", similarity},
                   {"measure", to_string(segment.dense().spec().similarity)},
                   {"vectors", count},
                   {"feedback", has_feedback(mode)}};
      made.text = fmt::format("      {:>9.4f}  {} with the nearest of {} vectors{}\n", similarity,
                              to_string(segment.dense().spec().similarity), count,
                              has_feedback(mode) ? ", of the query that feedback made" : "");
      return made;
    }
    case SearchMode::late: {
      const TokenMatrix tokens =
          has_feedback(mode) ? TokenMatrix{fed_tokens_, tokens_of(query).dim} : tokens_of(query);
      for (const auto& [query_token, doc_token, similarity] : segment.late().explain(hit.doc, tokens)) {
        const double weight = has_feedback(mode) ? fed_weights_[static_cast<size_t>(query_token)] : 1;
        made.json.push_back({{"query_token", query_token},
                             {"document_token", doc_token},
                             {"similarity", similarity},
                             {"weight", weight},
                             {"score", weight * similarity}});
        made.text +=
            fmt::format("      {:>9.4f}  query token {} with the document's token {}{}\n",
                        weight * similarity, query_token, doc_token,
                        weight != 1 ? fmt::format(" ({:.4f}, weight {:.4f})", similarity, weight) : "");
      }
      return made;
    }
    default:
      break;
  }
  if (!has_feedback(mode)) return of_parts(searcher_.explain_text(query.clauses, hit, plan_.text), "times");
  return of_parts(searcher_.explain_terms(fed_terms_, hit, plan_.text), "times");
}

Explanation PlannedSearch::explain(const SearchQuery& query, const Hit& hit) {
  if (plan_.mode != SearchMode::hybrid) return explain_part(plan_.mode, query, hit);
  Explanation made = {Json::array(), ""};
  const auto found = last_fused_.find(hit.id);
  if (found == last_fused_.end()) return made;
  for (size_t i = 0; i < plan_.parts.size(); ++i) {
    const FusedPart& part = found->second[i];
    const std::string name = to_string(plan_.parts[i]);
    Json one = {{"part", name}, {"counts", part.counts}};
    if (part.rank > 0) {
      one["rank"] = part.rank;
      one["score"] = part.score;
      made.text +=
          fmt::format("      {:>9.4f}  {}, rank {} with {:.4f}\n", part.counts, name, part.rank, part.score);
    } else {
      made.text += fmt::format("      {:>9.4f}  {}, not among its best\n", part.counts, name);
    }
    made.json.push_back(one);
  }
  return made;
}

}  // namespace coppice
