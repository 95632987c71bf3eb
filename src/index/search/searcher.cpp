#include "index/search/searcher.h"

#include <algorithm>

#include "index/search/constraints.h"

namespace coppice {
namespace {

void need(bool has, const char* part, const char* option) {
  if (!has)
    throw Error({.where = "the index",
                 .found = fmt::format("no {}", part),
                 .advice = fmt::format("make one that has them with: coppice index … {}", option)},
                Fault::usage);
}

// The words outside phrases and exclusions, and the phrases.
struct Scored {
  std::vector<WeightedTerm> words;
  std::vector<const QueryClause*> phrases;
};

Scored scored_parts(std::span<const QueryClause> query) {
  Scored scored;
  for (const QueryClause& clause : query) {
    if (clause.role == QueryClause::Role::excluded) continue;
    if (clause.phrase) {
      scored.phrases.push_back(&clause);
      continue;
    }
    for (const auto& term : clause.terms) scored.words.push_back({term.text, 1});
  }
  return scored;
}

// What a query weighs in all parts of an index together.
QueryWeights weigh_text(const IndexReader& reader, const Scored& scored, const Bm25& bm25) {
  std::vector<WeightedTerm> all = scored.words;
  for (const QueryClause* phrase : scored.phrases)
    for (const auto& term : phrase->terms) all.push_back({term.text, 1});
  InvertedStatistics statistics;
  for (const auto& part : reader.parts()) statistics.add(part.segment->text(), all);
  // A phrase weighs what its words weigh together, as in Lucene.
  std::vector<float> phrases;
  for (const QueryClause* phrase : scored.phrases) {
    double weight = 0;
    for (const auto& term : phrase->terms)
      if (const auto found = statistics.found.find(term.text); found != statistics.found.end())
        weight += inverse_document_frequency(statistics.documents, found->second.documents);
    phrases.push_back(static_cast<float>(weight));
  }
  return weigh(scored.words, statistics, bm25, std::move(phrases));
}

}  // namespace

void rank(std::vector<Hit>& hits, size_t k) {
  std::sort(hits.begin(), hits.end(),
            [](const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.id > b.id; });
  if (hits.size() > k) hits.resize(k);
}

Searcher::Searcher(IndexReader& reader) : reader_(reader) {}

void Searcher::set_filter(const std::string& filter) {
  filtering_ = !filter.empty();
  filtered_.clear();
  if (filtering_) filtered_ = reader_.filtered(filter);
}

void Searcher::restrict_to(std::span<const Hit> hits) {
  restricted_.clear();
  const auto& parts = reader_.parts();
  for (const auto& part : parts) restricted_.emplace_back(part.segment->documents());
  for (const Hit& hit : hits) {
    restricted_[hit.part].insert(hit.doc);
    if (!reader_.spec().windows) continue;
    const std::string_view document = std::string_view(hit.id).substr(0, hit.id.rfind('#'));
    for (size_t number = 1;; ++number) {
      const auto place = reader_.find(fmt::format("{}#{}", document, number));
      if (!place) break;
      restricted_[place->part].insert(place->doc);
    }
  }
  restricting_ = false;
  for (size_t part = 0; part < parts.size(); ++part)
    if (const DocSet* among = allowed(part)) restricted_[part] &= *among;
  restricting_ = true;
}

void Searcher::lift_restriction() {
  restricting_ = false;
}

void Searcher::constrain(std::span<const QueryClause> query, bool whole) {
  lift_constraint();
  if (!has_constraints(query)) return;
  constrained_ = allowed_sets();
  coppice::constrain(reader_, query, whole, constrained_);
  constraining_ = true;
}

void Searcher::lift_constraint() {
  constraining_ = false;
}

std::vector<DocSet> Searcher::allowed_sets() const {
  std::vector<DocSet> sets;
  for (size_t part = 0; part < reader_.parts().size(); ++part) {
    const DocSet* among = allowed(part);
    sets.push_back(among != nullptr ? *among : reader_.parts()[part].live);
  }
  return sets;
}

const DocSet* Searcher::allowed(size_t part) const {
  if (restricting_) return &restricted_[part];
  if (constraining_) return &constrained_[part];
  return filtering_ ? &filtered_[part] : reader_.parts()[part].allowed();
}

Analyzer& Searcher::analyzer() {
  need(reader_.spec().text.has_value(), "analysed text", "without --no-text");
  if (!analyzer_) analyzer_ = make_analyzer(reader_.spec().text->analyzer);
  return *analyzer_;
}

// `search_part(part, worst)` gives a part's best documents; those that score below `worst`, the k-th best score so far,
// are not needed.
template <class SearchPart>
std::vector<Hit> Searcher::over_parts(size_t k, SearchPart&& search_part) const {
  std::vector<Hit> hits;
  std::vector<double> best;
  const auto& parts = reader_.parts();
  for (size_t part = 0; part < parts.size(); ++part) {
    std::optional<double> worst;
    if (k > 0 && best.size() >= k) {
      std::nth_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(k - 1), best.end(),
                       std::greater<>());
      worst = best[k - 1];
    }
    for (const auto& [doc, score] : search_part(part, worst)) {
      if (worst && score < *worst) continue;
      hits.push_back({std::string(parts[part].segment->names()[doc]), score, part, doc});
      best.push_back(score);
    }
  }
  rank(hits, k);
  return hits;
}

std::vector<Hit> Searcher::text(std::string_view query, QuerySyntax syntax, size_t k,
                                const TextSearch& options) {
  return text(parse_query(query, syntax, analyzer()), k, options);
}

std::vector<Hit> Searcher::text(std::span<const QueryClause> query, size_t k, const TextSearch& options) {
  need(reader_.spec().text.has_value(), "analysed text", "without --no-text");
  const Scored scored = scored_parts(query);
  const QueryWeights weights = weigh_text(reader_, scored, options.bm25.value_or(reader_.spec().text->bm25));
  std::vector<DocSet> left;
  if (has_constraints(query)) {
    left = allowed_sets();
    coppice::constrain(reader_, query, false, left);
  }
  return over_parts(k, [&](size_t part, std::optional<double> worst) {
    const InvertedIndex& index = reader_.parts()[part].segment->text();
    SegmentQuery ready(index, weights);
    for (size_t i = 0; i < scored.phrases.size(); ++i) {
      const Occurrences found = find_phrase(index, *scored.phrases[i]);
      ready.add_list(found.docs, found.counts, weights.lists[i], weights.fixed);
    }
    const int32_t floor = worst ? static_cast<int32_t>(weights.fixed.in_units(*worst)) - 1 : 0;
    auto found = search(ready, k, left.empty() ? allowed(part) : &left[part], floor, options.pruning);
    for (ScoredDoc& doc : found) doc.score = weights.fixed.score(static_cast<int32_t>(doc.score));
    return found;
  });
}

std::vector<Hit> Searcher::weighted(std::span<const WeightedTerm> query, bool sparse, size_t k,
                                    const TextSearch& options) {
  InvertedStatistics statistics;
  const auto index_of = [&](size_t part) -> const InvertedIndex& {
    const Segment& segment = *reader_.parts()[part].segment;
    return sparse ? segment.sparse() : segment.text();
  };
  for (size_t part = 0; part < reader_.parts().size(); ++part) statistics.add(index_of(part), query);
  const Bm25 bm25 = sparse ? Bm25() : options.bm25.value_or(reader_.spec().text->bm25);
  const QueryWeights weights = weigh(query, statistics, bm25);
  return over_parts(k, [&](size_t part, std::optional<double> worst) {
    const SegmentQuery ready(index_of(part), weights);
    const int32_t floor = worst ? static_cast<int32_t>(weights.fixed.in_units(*worst)) - 1 : 0;
    auto found = search(ready, k, allowed(part), floor, options.pruning);
    for (ScoredDoc& doc : found) doc.score = weights.fixed.score(static_cast<int32_t>(doc.score));
    return found;
  });
}

std::vector<Hit> Searcher::terms(std::span<const WeightedTerm> query, size_t k, const TextSearch& options) {
  need(reader_.spec().text.has_value(), "analysed text", "without --no-text");
  return weighted(query, false, k, options);
}

std::vector<Hit> Searcher::sparse(std::span<const WeightedTerm> query, size_t k, const TextSearch& options) {
  need(reader_.spec().sparse.has_value(), "learned sparse vectors", "--sparse FILE");
  for (const auto& [term, weight] : query)
    if (!std::isfinite(weight) || weight < 0)
      throw Error({.where = "the query",
                   .found = fmt::format("weight {} of term '{}'", weight, term),
                   .expected = "finite weights of at least 0"});
  std::vector<WeightedTerm> positive(query.begin(), query.end());
  std::erase_if(positive, [](const WeightedTerm& term) { return term.weight == 0; });
  return weighted(positive, true, k, options);
}

std::vector<Hit> Searcher::dense(std::span<const float> query, size_t k, const VectorSearchOptions& options) {
  need(reader_.spec().dense.has_value(), "dense vectors", "--dense FILE");
  return over_parts(k, [&](size_t part, std::optional<double>) {
    return reader_.parts()[part].segment->dense().search(query, k, allowed(part), options);
  });
}

std::vector<Hit> Searcher::late(const TokenMatrix& query, size_t k, const LateSearchOptions& options) {
  need(reader_.spec().late.has_value(), "token vectors", "--late FILE");
  return over_parts(k, [&](size_t part, std::optional<double>) {
    return reader_.parts()[part].segment->late().search(query, k, allowed(part), options);
  });
}

namespace {

// The value of the posting of `doc`, or 0.
uint32_t value_in(const PostingList& list, DocOrdinal doc) {
  const TermScorer scorer{.list = list};
  ListCursor cursor(scorer);
  return cursor.seek(doc) == doc ? cursor.value() : 0;
}

}  // namespace

double Searcher::text_score(std::span<const QueryClause> query, const Hit& hit, const TextSearch& options) {
  // Parts are whole numbers of the same unit, and so is their sum.
  double sum = 0;
  for (const ScorePart& part : explain_text(query, hit, options)) sum += part.score;
  return static_cast<float>(sum);
}

double Searcher::sparse_score(std::span<const WeightedTerm> query, const Hit& hit) {
  double sum = 0;
  for (const ScorePart& part : explain_sparse(query, hit)) sum += part.score;
  return static_cast<float>(sum);
}

std::optional<double> Searcher::dense_score(std::span<const float> query, const Hit& hit) const {
  return reader_.parts()[hit.part].segment->dense().score(hit.doc, query);
}

std::optional<double> Searcher::late_score(const TokenMatrix& query, const Hit& hit,
                                           std::span<const float> weights) const {
  return reader_.parts()[hit.part].segment->late().score(hit.doc, query, weights);
}

std::vector<ScorePart> Searcher::explain_text(std::span<const QueryClause> query, const Hit& hit,
                                              const TextSearch& options) {
  const Scored scored = scored_parts(query);
  const QueryWeights weights = weigh_text(reader_, scored, options.bm25.value_or(reader_.spec().text->bm25));
  const InvertedIndex& index = reader_.parts()[hit.part].segment->text();
  const SegmentQuery ready(index, weights);
  std::vector<ScorePart> parts;
  const auto add = [&](std::string term, float weight, double repeated, uint32_t value) {
    TermScorer scorer;
    scorer.weight = weights.fixed.units(weight);
    parts.push_back({.term = std::move(term),
                     .idf = weight / repeated,
                     .value = value,
                     .weight = repeated,
                     .score = weights.fixed.score(ready.contribution(scorer, hit.doc, value))});
  };
  for (const auto& [term, weight, entries] : weights.terms) {
    double repeated = 0;
    for (const WeightedTerm& word : scored.words)
      if (word.term == term) repeated += word.weight;
    if (const auto entry = index.find(term))
      if (const uint32_t value = value_in(index.postings(*entry), hit.doc))
        add(term, weight, repeated, value);
  }
  for (size_t i = 0; i < scored.phrases.size(); ++i) {
    const Occurrences found = find_phrase(index, *scored.phrases[i]);
    const auto at = std::lower_bound(found.docs.begin(), found.docs.end(), hit.doc);
    if (at == found.docs.end() || *at != hit.doc) continue;
    std::string words;
    for (const auto& term : scored.phrases[i]->terms) words += (words.empty() ? "\"" : " ") + term.text;
    add(words + "\"", weights.lists[i], 1, found.counts[static_cast<size_t>(at - found.docs.begin())]);
  }
  return parts;
}

// Of weighted terms, without idf: their weights say all.
std::vector<ScorePart> Searcher::explain_weighted(const InvertedIndex& index, const QueryWeights& weights,
                                                  double unit, const Hit& hit) const {
  const SegmentQuery ready(index, weights);
  std::vector<ScorePart> parts;
  for (const auto& [term, weight, entries] : weights.terms) {
    const auto entry = index.find(term);
    const uint32_t value = entry ? value_in(index.postings(*entry), hit.doc) : 0;
    if (value == 0) continue;
    TermScorer scorer;
    scorer.weight = weights.fixed.units(weight);
    parts.push_back({.term = term,
                     .value = value,
                     .weight = weight / unit,
                     .score = weights.fixed.score(ready.contribution(scorer, hit.doc, value))});
  }
  return parts;
}

std::vector<ScorePart> Searcher::explain_terms(std::span<const WeightedTerm> query, const Hit& hit,
                                               const TextSearch& options) {
  InvertedStatistics statistics;
  for (const auto& part : reader_.parts()) statistics.add(part.segment->text(), query);
  const QueryWeights weights = weigh(query, statistics, options.bm25.value_or(reader_.spec().text->bm25));
  return explain_weighted(reader_.parts()[hit.part].segment->text(), weights, 1, hit);
}

std::vector<ScorePart> Searcher::explain_sparse(std::span<const WeightedTerm> query, const Hit& hit) {
  InvertedStatistics statistics;
  for (const auto& part : reader_.parts()) statistics.add(part.segment->sparse(), query);
  const QueryWeights weights = weigh(query, statistics, {});
  const InvertedIndex& index = reader_.parts()[hit.part].segment->sparse();
  return explain_weighted(index, weights, index.summary().unit, hit);
}

}  // namespace coppice
