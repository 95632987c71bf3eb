// Planned searches: fusion against the formulas over single searches, neutral settings, two stages, windows, feedback.

#include "index/search/planned_search.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <gmock/gmock.h>

#include "base/progress.h"
#include "base/rng.h"
#include "index/feedback/token_feedback.h"
#include "index/feedback/vector_feedback.h"
#include "index/fuse/passages.h"
#include "index/store/index_writer.h"
#include "index/store/ingest.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t dim = 8;

std::vector<float> unit(Rng& rng, const std::vector<float>& centre = {}) {
  std::vector<float> values(dim);
  double norm2 = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] =
        (centre.empty() ? 0 : centre[i]) + static_cast<float>((centre.empty() ? 1 : 0.2) * rng.normal());
    norm2 += double{values[i]} * values[i];
  }
  for (float& value : values) value /= static_cast<float>(std::sqrt(norm2));
  return values;
}

// Documents about topics that words, vectors and token vectors all show, in two segments.
class Planned : public testing::Test {
 protected:
  static void SetUpTestSuite() { Progress::silence(true); }

  Planned() {
    IndexSpec spec;
    spec.text.emplace();
    spec.text->analyzer = analyzer_preset("english");
    spec.sparse.emplace();
    spec.dense.emplace().dim = dim;
    auto& late = spec.late.emplace();
    late.dim = dim;
    late.index.centroids = 32;
    late.index.tokens = TokenStorage::f32;
    create_index(folder_ / "index", spec);
    for (int i = 0; i < 6; ++i) centres_.push_back(unit(rng_));
    IndexWriter writer(folder_ / "index");
    for (int segment = 0; segment < 2; ++segment) {
      std::vector<IndexedDocument> documents;
      for (int i = 0; i < 60; ++i) {
        IndexedDocument made;
        made.id = fmt::format("d{}", 60 * segment + i);
        const size_t topic = rng_.below(centres_.size());
        std::string text;
        for (int word = 0; word < 12; ++word)
          text += fmt::format("word{} ", rng_.chance(0.5) ? topic : 6 + rng_.below(40));
        made.fields = {{"text", text}};
        made.sparse = {{fmt::format("t{}", topic), 1.0f}, {fmt::format("t{}", rng_.below(6)), 0.3f}};
        for (uint64_t n = rng_.below(3); n > 0; --n) made.vectors.push_back(unit(rng_, centres_[topic]));
        for (uint64_t n = rng_.below(8); n > 0; --n)
          for (const float value : unit(rng_, rng_.pick(centres_))) made.tokens.push_back(value);
        documents.push_back(made);
      }
      writer.add(documents);
      writer.commit();
    }
    reader_ = std::make_unique<IndexReader>(folder_ / "index");
    searcher_ = std::make_unique<Searcher>(*reader_);
    query_.clauses = parse_query("word1 word2 word9", QuerySyntax::plain, searcher_->analyzer());
    query_.sparse = {{"t1", 1.0f}, {"t3", 0.5f}};
    query_.dense = unit(rng_, centres_[1]);
    query_.tokens.emplace();
    for (int i = 0; i < 3; ++i)
      for (const float value : unit(rng_, centres_[1])) query_.tokens->push_back(value);
  }

  std::vector<Hit> search(const SearchPlan& plan, size_t k = 20) {
    return PlannedSearch(*searcher_, plan).search(query_, k);
  }

  const TemporaryFolder folder_;
  Rng rng_{5};
  std::vector<std::vector<float>> centres_;
  std::unique_ptr<IndexReader> reader_;
  std::unique_ptr<Searcher> searcher_;
  SearchQuery query_;
};

const std::vector<SearchMode> all_parts = {SearchMode::bm25, SearchMode::sparse, SearchMode::dense,
                                           SearchMode::late};

TEST_F(Planned, NeutralWeightsGiveThePartsRankingBack) {
  for (size_t i = 0; i < all_parts.size(); ++i)
    for (const auto method : {FuseMethod::rrf, FuseMethod::sum, FuseMethod::product}) {
      FusionSpec fusion = {.method = method, .weights = {0, 0, 0, 0}};
      fusion.weights[i] = 1;
      EXPECT_EQ(search({.mode = SearchMode::hybrid, .fusion = fusion}), search({.mode = all_parts[i]}))
          << to_string(all_parts[i]);
    }
}

TEST_F(Planned, RanksOfPartsAreFused) {
  std::map<std::string, double> expected;
  for (const auto mode : all_parts) {
    const auto hits = search({.mode = mode}, 1000);
    for (size_t i = 0; i < hits.size(); ++i) expected[hits[i].id] += 1 / (60.0 + static_cast<double>(i + 1));
  }
  const auto hits = search({.mode = SearchMode::hybrid}, 1000);
  ASSERT_EQ(hits.size(), expected.size());
  for (const Hit& hit : hits) EXPECT_NEAR(hit.score, expected.at(hit.id), 1e-12);
}

// Where scores count, each document has all its scores, also those beyond the depth.
TEST_F(Planned, ProductsAreOfExactScores) {
  const std::vector<SearchMode> parts = {SearchMode::bm25, SearchMode::dense};
  std::map<std::string, std::vector<double>> scores;
  for (size_t i = 0; i < 2; ++i)
    for (const Hit& hit : search({.mode = parts[i]}, 1000)) {
      auto& of = scores[hit.id];
      of.resize(2);
      of[i] = hit.score;
    }
  const auto hits = search(
      {.mode = SearchMode::hybrid, .parts = parts, .fusion = {.method = FuseMethod::product}, .depth = 10},
      10);
  ASSERT_EQ(hits.size(), 10u);
  for (const Hit& hit : hits)
    EXPECT_NEAR(hit.score, std::max(0.0, scores[hit.id][0]) * std::max(0.0, scores[hit.id][1]), 1e-5);
  EXPECT_TRUE(
      std::is_sorted(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; }));
}

TEST_F(Planned, SingleScoresAreThoseOfSearches) {
  for (const Hit& hit : search({.mode = SearchMode::bm25}, 1000))
    EXPECT_EQ(searcher_->text_score(query_.clauses, hit), hit.score);
  for (const Hit& hit : search({.mode = SearchMode::sparse}, 1000))
    EXPECT_EQ(searcher_->sparse_score(*query_.sparse, hit), hit.score);
  for (const Hit& hit : search({.mode = SearchMode::dense}, 1000))
    EXPECT_EQ(searcher_->dense_score(*query_.dense, hit), hit.score);
  for (const Hit& hit : search({.mode = SearchMode::late}, 1000))
    EXPECT_EQ(searcher_->late_score({*query_.tokens, dim}, hit), hit.score);
}

TEST_F(Planned, ASecondStageReordersTheFirst) {
  auto first = search({.mode = SearchMode::bm25}, 15);
  const auto second = search({.mode = SearchMode::late, .first = SearchMode::bm25, .first_depth = 15}, 15);
  std::vector<std::string> a, b;
  for (const Hit& hit : first)
    if (searcher_->late_score({*query_.tokens, dim}, hit)) a.push_back(hit.id);
  for (const Hit& hit : second) {
    b.push_back(hit.id);
    EXPECT_EQ(searcher_->late_score({*query_.tokens, dim}, hit), hit.score);
  }
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  EXPECT_EQ(a, b);
  EXPECT_GT(search({.mode = SearchMode::dense}, 1000).size(), 15u) << "the restriction is lifted";
}

// What a document must have or must not have binds whatever part finds it: as if every part's whole list were searched
// for it before anything is fused.
TEST_F(Planned, RequiredAndExcludedWordsBindTheWholeResult) {
  const auto matches = [&](const Hit& hit, const std::string& phrase) {
    const std::string text = reader_->fetch(hit.part, hit.doc).fields["text"].get<std::string>();
    return (" " + text).find(" " + phrase + " ") != std::string::npos;
  };
  struct Case {
    std::string query;
    std::vector<std::string> required, excluded;
  };
  for (const Case& one : std::vector<Case>{{"word1 word2 +word9", {"word9"}, {}},
                                           {"word1 -word9 word2 -word3", {}, {"word9", "word3"}},
                                           {"+word1 -word2 word9", {"word1"}, {"word2"}},
                                           {"+\"word1 word1\" word2", {"word1 word1"}, {}},
                                           {"word2 -\"word1 word1\"", {}, {"word1 word1"}},
                                           {"-word1", {}, {"word1"}}}) {
    SCOPED_TRACE(one.query);
    const auto keep = [&](std::vector<Hit> hits, size_t k) {
      std::erase_if(hits, [&](const Hit& hit) {
        const auto has = [&](const std::string& phrase) { return matches(hit, phrase); };
        return !std::all_of(one.required.begin(), one.required.end(), has) ||
               std::any_of(one.excluded.begin(), one.excluded.end(), has);
      });
      if (hits.size() > k) hits.resize(k);
      return hits;
    };
    // The words that score, without what binds.
    std::string plain = without_operators(one.query);
    if (!one.required.empty() && one.required[0].find(' ') != std::string::npos)
      plain = "\"" + one.required[0] + "\" word2";
    std::vector<std::vector<Hit>> left;
    std::vector<std::vector<RunDoc>> lists;
    for (const auto mode : all_parts) {
      const SearchPlan plan = {.mode = mode, .late = {.exact = true}};
      query_.clauses = parse_query(plain, QuerySyntax::operators, searcher_->analyzer());
      const auto all = search(plan, 1000);
      left.push_back(keep(all, 1000));
      EXPECT_TRUE(mode == SearchMode::bm25 || left.back().size() < all.size()) << to_string(mode);
      auto& list = lists.emplace_back();
      for (const Hit& hit : left.back()) list.push_back({hit.id, hit.score});
      query_.clauses = parse_query(one.query, QuerySyntax::operators, searcher_->analyzer());
      EXPECT_EQ(search(plan, 1000), left.back()) << to_string(mode);
      EXPECT_EQ(search(plan, 5), keep(left.back(), 5)) << to_string(mode);
    }
    for (const auto method : {FuseMethod::rrf, FuseMethod::sum, FuseMethod::product}) {
      const FusionSpec fusion = {.method = method, .weights = {1, 0.5, 2, 1}};
      const auto found =
          search({.mode = SearchMode::hybrid, .fusion = fusion, .late = {.exact = true}}, 1000);
      const auto expected = fuse(lists, fusion, 1000);
      ASSERT_EQ(found.size(), expected.size()) << to_string(method);
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].id, expected[i].doc) << to_string(method);
        EXPECT_EQ(found[i].score, expected[i].score) << to_string(method);
      }
    }
    // In two stages, the first is bound too.
    std::vector<std::string> first, second;
    for (const Hit& hit : keep(left[2], 7)) first.push_back(hit.id);
    for (const Hit& hit :
         search({.mode = SearchMode::dense, .first = SearchMode::dense, .first_depth = 7}, 1000))
      second.push_back(hit.id);
    EXPECT_EQ(first, second);
    for (const Hit& hit : search({.mode = SearchMode::bm25, .feedback = {.method = Feedback::rm3}}, 1000))
      EXPECT_FALSE(keep({hit}, 1).empty()) << hit.id;
  }
  query_.clauses.clear();
  EXPECT_GT(search({.mode = SearchMode::dense}, 1000).size(), 50u) << "the constraint is lifted";
}

TEST(TextQuery, WithoutOperatorsIsWhatAnEncoderReads) {
  EXPECT_EQ(without_operators("+red \"green apples\" -\"old pears\" -stones and  more"),
            "red green apples and more");
  EXPECT_EQ(without_operators("C++  - and a-b"), "C++  - and a-b") << "no operator: as it is";
  EXPECT_EQ(without_operators("-x"), "");
  EXPECT_EQ(without_operators(""), "");
}

TEST_F(Planned, NeutralFeedbackChangesNothing) {
  const auto dense = search({.mode = SearchMode::dense});
  EXPECT_EQ(search({.mode = SearchMode::dense, .feedback = {.method = Feedback::rocchio, .beta = 0}}), dense);
  const auto late = search({.mode = SearchMode::late});
  EXPECT_EQ(search({.mode = SearchMode::late, .feedback = {.method = Feedback::colbert_prf, .beta = 0}}),
            late);
  EXPECT_EQ(search({.mode = SearchMode::late, .feedback = {.method = Feedback::colbert_prf, .terms = 0}}),
            late);
}

// ColBERT-PRF's ReRanker.
TEST_F(Planned, FeedbackCanBeKeptToTheFirstStage) {
  auto plain = search({.mode = SearchMode::late}, 12);
  auto again = search({.mode = SearchMode::late,
                       .first = SearchMode::late,
                       .first_depth = 12,
                       .feedback = {.method = Feedback::colbert_prf}},
                      100);
  EXPECT_NE(plain, again);
  const auto by_id = [](const Hit& a, const Hit& b) { return a.id < b.id; };
  std::sort(plain.begin(), plain.end(), by_id);
  std::sort(again.begin(), again.end(), by_id);
  ASSERT_EQ(plain.size(), again.size());
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i].id, again[i].id);
}

TEST_F(Planned, VectorFeedbackIsRocchios) {
  const auto first = search({.mode = SearchMode::dense}, 2);
  const FeedbackSpec spec = {.method = Feedback::rocchio, .documents = 2, .alpha = 0.5, .beta = 2};
  auto fed = feed_back_vector(*searcher_, *query_.dense, first, spec);
  for (size_t i = 0; i < fed.size(); ++i) {
    double expected = 0.5 * (*query_.dense)[i];
    for (const Hit& hit : first) {
      double best = -2;
      float value = 0;
      for (const auto& vector : reader_->parts()[hit.part].segment->dense().vectors_of(hit.doc)) {
        double dot = 0;
        for (size_t d = 0; d < vector.size(); ++d) dot += double{(*query_.dense)[d]} * vector[d];
        if (dot > best) value = vector[i];
        best = std::max(best, dot);
      }
      expected += 2.0 / 2 * value;
    }
    EXPECT_NEAR(fed[i], expected, 1e-6);
  }
}

TEST_F(Planned, TokenFeedbackScoresAreTheFormulas) {
  const TokenMatrix query = {*query_.tokens, dim};
  const auto first = searcher_->late(query, 3);
  const auto fed = feed_back_tokens(*searcher_, query, first, {.clusters = 6, .expansion = 4, .beta = 0.7});
  ASSERT_EQ(fed.weights.size(), 3u + 4u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(fed.weights[i], 1);
  for (size_t i = 3; i + 1 < 7; ++i) EXPECT_GE(fed.weights[i], fed.weights[i + 1]);
  const auto again = feed_back_tokens(*searcher_, query, first, {.clusters = 6, .expansion = 4, .beta = 0.7});
  EXPECT_EQ(fed.values, again.values);
  for (const Hit& hit : searcher_->late({fed.values, dim}, 10, {.exact = true, .weights = fed.weights})) {
    const auto tokens = reader_->parts()[hit.part].segment->late().tokens_of(hit.doc);
    double expected = 0;
    for (size_t q = 0; q < fed.weights.size(); ++q) {
      double best = -INFINITY;
      for (size_t t = 0; t < tokens.size(); t += dim) {
        double dot = 0;
        for (size_t d = 0; d < dim; ++d) dot += double{fed.values[q * dim + d]} * tokens[t + d];
        best = std::max(best, dot);
      }
      expected += fed.weights[q] * best;
    }
    EXPECT_NEAR(hit.score, expected, 1e-5);
  }
}

TEST_F(Planned, EveryModeExplainsItself) {
  for (const auto mode : all_parts) {
    PlannedSearch planned(*searcher_, {.mode = mode});
    const auto hits = planned.search(query_, 3);
    const auto why = planned.explain(query_, hits[0]);
    double sum = 0;
    if (mode == SearchMode::dense)
      sum = why.json["similarity"].get<double>();
    else
      for (const auto& part : why.json) sum += part["score"].get<double>();
    EXPECT_NEAR(sum, hits[0].score, 1e-4) << to_string(mode);
    EXPECT_FALSE(why.text.empty());
  }
  PlannedSearch hybrid(*searcher_, {.mode = SearchMode::hybrid, .fusion = {.method = FuseMethod::sum}});
  for (const Hit& hit : hybrid.search(query_, 5)) {
    double sum = 0;
    for (const auto& part : hybrid.explain(query_, hit).json) sum += part["counts"].get<double>();
    EXPECT_NEAR(sum, hit.score, 1e-9);
  }
  for (const auto& [method, mode] : std::vector<std::pair<Feedback, SearchMode>>{
           {Feedback::rm3, SearchMode::bm25}, {Feedback::rocchio, SearchMode::bm25}}) {
    PlannedSearch planned(*searcher_, {.mode = mode, .feedback = {.method = method, .documents = 3}});
    const auto hits = planned.search(query_, 3);
    double sum = 0;
    for (const auto& part : planned.explain(query_, hits[0]).json) sum += part["score"].get<double>();
    EXPECT_NEAR(sum, hits[0].score, 1e-4);
  }
}

TEST_F(Planned, WhatDoesNotGoTogetherIsRefused) {
  EXPECT_THAT(error_of([&] { search({.mode = SearchMode::late, .feedback = {.method = Feedback::rm3}}); },
                       Fault::usage),
              HasSubstr("colbert_prf with late"));
  EXPECT_THAT(error_of(
                  [&] {
                    search({.mode = SearchMode::hybrid, .fusion = {.weights = {1, 1}}});
                  },
                  Fault::usage),
              HasSubstr("4, one for each"));
  EXPECT_THAT(error_of(
                  [&] {
                    search({.mode = SearchMode::hybrid, .parts = {SearchMode::bm25, SearchMode::bm25}});
                  },
                  Fault::usage),
              HasSubstr("twice"));
  query_.dense.reset();
  EXPECT_THAT(error_of([&] { search({.mode = SearchMode::hybrid}); }, Fault::usage),
              HasSubstr("--query-dense"));
}

TEST(Windows, AreCutAsAsked) {
  const std::string text = "a bb  c\nd e";
  const auto words = [&](int64_t length, int64_t step) {
    std::vector<std::string> cut;
    for (const auto& [begin, end] : cut_windows(text, {.words = length, .step = step}))
      cut.push_back(text.substr(begin, end - begin));
    return cut;
  };
  EXPECT_THAT(words(2, 1), ElementsAre("a bb", "bb  c", "c\nd", "d e"));
  EXPECT_THAT(words(3, 2), ElementsAre("a bb  c", "c\nd e"));
  EXPECT_THAT(words(10, 5), ElementsAre(text));
  EXPECT_EQ(cut_windows(" \n", {}).size(), 1u);
  EXPECT_EQ(document_of("a#b#12"), "a#b");
  EXPECT_EQ(document_of("a"), "a");
}

// MaxP over any number of windows is the k best documents by their best window.
TEST(Windows, DocumentsAreRankedByTheirBest) {
  Rng rng(9);
  std::vector<Hit> all;
  std::map<std::string, double> best;
  for (int doc = 0; doc < 40; ++doc)
    for (uint64_t number = 1 + rng.below(30); number > 0; --number) {
      const double score = std::floor(20 * rng.normal());
      const std::string id = fmt::format("d{}", doc);
      all.push_back({passage_id(id, number), score, 0, 0});
      const auto [found, is_new] = best.try_emplace(id, score);
      found->second = std::max(found->second, score);
    }
  rank(all, all.size());
  std::vector<Hit> expected;
  for (const auto& [id, score] : best) expected.push_back({id, score, 0, 0});
  rank(expected, expected.size());
  for (const size_t k : {size_t{1}, size_t{3}, size_t{10}, size_t{40}, size_t{100}}) {
    const auto found = best_passages(k, [&](size_t wanted) {
      return std::vector<Hit>(all.begin(), all.begin() + static_cast<int64_t>(std::min(wanted, all.size())));
    });
    EXPECT_EQ(found, std::vector<Hit>(expected.begin(),
                                      expected.begin() + static_cast<int64_t>(std::min(k, expected.size()))));
  }
}

}  // namespace
}  // namespace coppice
