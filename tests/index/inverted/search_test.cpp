// Every way of searching finds what scoring every document finds, on random collections of every shape.

#include <map>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "index/inverted/inverted_builder.h"
#include "index/inverted/inverted_index.h"
#include "index/inverted/length_code.h"
#include "index/inverted/merge_inverted.h"
#include "index/inverted/segment_query.h"
#include "kernels/isa.h"
#include "support.h"

namespace coppice {
namespace {

// A collection as plain lists of words, in the order of the segment.
using Words = std::vector<std::string>;

std::vector<Words> random_collection(Rng& rng, size_t documents, size_t vocabulary, double longest) {
  std::vector<Words> made(documents);
  for (auto& words : made) {
    const auto length = static_cast<size_t>(std::pow(rng.uniform(), 3) * longest);
    for (size_t i = 0; i < length; ++i)
      words.push_back(fmt::format(
          "w{}", static_cast<size_t>(std::pow(static_cast<double>(vocabulary), rng.uniform())) - 1));
  }
  return made;
}

AnalyzedText analyzed(const Words& words) {
  AnalyzedText text;
  uint32_t position = 0;
  for (const auto& word : words) {
    text.tokens.push_back(
        {static_cast<uint32_t>(text.terms.size()), static_cast<uint32_t>(word.size()), position++, 0, 0});
    text.terms += word;
  }
  return text;
}

void build(const std::vector<Words>& documents, const std::filesystem::path& folder, bool positions = true,
           const Bm25& bm25 = {}) {
  InvertedBuilder builder(PostingKind::frequency, positions);
  // In another order than the segment's.
  std::vector<DocOrdinal> order(documents.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    const size_t from = documents.size() - 1 - i;
    builder.add_text(analyzed(documents[from]));
    builder.end_document();
    order[from] = static_cast<DocOrdinal>(i);
  }
  builder.write(folder, "text", order, bm25, 1);
}

std::map<std::string, uint32_t> counts(const Words& words) {
  std::map<std::string, uint32_t> found;
  for (const auto& word : words) ++found[word];
  return found;
}

// Scores every document by the formula.
std::vector<ScoredDoc> exhaustive(const std::vector<Words>& documents, const QueryWeights& query, size_t k,
                                  const DocSet* allowed) {
  TopK top(k);
  for (size_t doc = 0; doc < documents.size(); ++doc) {
    if (allowed != nullptr && !allowed->contains(static_cast<DocOrdinal>(doc))) continue;
    const auto values = counts(documents[doc]);
    const float norm = query.norms[encode_length(static_cast<uint32_t>(documents[doc].size()))];
    int32_t score = 0;
    for (const auto& [term, weight, entries] : query.terms)
      if (const auto found = values.find(term); found != values.end()) {
        const float value = static_cast<float>(found->second);
        score += static_cast<int32_t>(std::lrint(query.fixed.units(weight) * (value / (value + norm))));
      }
    if (score > 0) top.offer(static_cast<DocOrdinal>(doc), static_cast<float>(score));
  }
  return top.take();
}

constexpr Pruning all_prunings[] = {Pruning::maxscore, Pruning::wand, Pruning::none};

std::vector<WeightedTerm> random_query(Rng& rng, size_t vocabulary) {
  std::vector<WeightedTerm> query;
  for (uint64_t i = 1 + rng.below(8); i > 0; --i)
    query.push_back(
        {fmt::format("w{}",
                     static_cast<size_t>(std::pow(static_cast<double>(vocabulary), rng.uniform())) - 1),
         rng.chance(0.3) ? static_cast<float>(rng.uniform(0.1, 3)) : 1.0f});
  return query;
}

struct Shape {
  size_t documents, vocabulary;
  double longest;
};

class SearchTest : public testing::TestWithParam<kernels::Isa> {
 protected:
  void SetUp() override { kernels::use_isa(GetParam()); }
  void TearDown() override { kernels::use_isa(kernels::supported_isas().back()); }
};

TEST_P(SearchTest, PrunedEqualsExhaustive) {
  Rng rng(11);
  for (const Shape& shape :
       {Shape{1, 3, 9}, Shape{50, 20, 30}, Shape{700, 300, 60}, Shape{12000, 4000, 40}}) {
    const auto documents = random_collection(rng, shape.documents, shape.vocabulary, shape.longest);
    test::TemporaryFolder folder;
    build(documents, folder.path());
    const InvertedIndex index(folder.path(), "text");
    index.verify();
    for (int trial = 0; trial < (shape.documents > 1000 ? 6 : 40); ++trial) {
      const auto terms = random_query(rng, shape.vocabulary);
      InvertedStatistics statistics;
      statistics.add(index, terms);
      // Now and then the averages of other segments.
      if (trial % 3 == 1) {
        statistics.documents += rng.below(3 * shape.documents);
        statistics.total_length += rng.below(1 + 3 * statistics.total_length);
      }
      const Bm25 bm25 = trial % 5 == 4 ? Bm25{.k1 = 1.2, .b = 0.75} : Bm25{};
      const QueryWeights weights = weigh(terms, statistics, bm25);
      const SegmentQuery query(index, weights);
      DocSet some(shape.documents);
      for (DocOrdinal doc = 0; doc < shape.documents; ++doc)
        if (rng.chance(0.3)) some.insert(doc);
      for (const size_t k : {1u, 3u, 10u, 100u, 1000u, 20000u})
        for (const DocSet* allowed :
             {static_cast<const DocSet*>(nullptr), static_cast<const DocSet*>(&some)}) {
          const auto expected = exhaustive(documents, weights, std::min(k, shape.documents), allowed);
          for (const Pruning pruning : all_prunings)
            ASSERT_EQ(search(query, k, allowed, 0, pruning), expected)
                << to_string(pruning) << " k " << k << " documents " << shape.documents << " trial " << trial;
          // With a floor, what is above it.
          const int32_t floor =
              expected.empty() ? 0 : static_cast<int32_t>(expected[expected.size() / 2].score) - 1;
          auto above = expected;
          std::erase_if(above, [&](const ScoredDoc& doc) { return doc.score <= static_cast<float>(floor); });
          for (const Pruning pruning : all_prunings)
            ASSERT_EQ(search(query, k, allowed, floor, pruning), above) << to_string(pruning);
        }
    }
  }
}

TEST_P(SearchTest, LearnedWeightsPrunedEqualsExhaustive) {
  Rng rng(12);
  constexpr size_t documents = 6000, vocabulary = 200;
  std::vector<std::map<std::string, uint32_t>> rows(documents);
  InvertedBuilder builder(PostingKind::weight);
  std::vector<DocOrdinal> order;
  for (size_t doc = 0; doc < documents; ++doc) {
    for (uint64_t i = rng.below(40); i > 0; --i)
      rows[doc][fmt::format("w{}", rng.below(1 + rng.below(vocabulary)))] =
          1 + static_cast<uint32_t>(rng.below(255));
    for (const auto& [term, steps] : rows[doc]) builder.add_weight(term, steps);
    builder.end_document();
    order.push_back(static_cast<DocOrdinal>(doc));
  }
  test::TemporaryFolder folder;
  builder.write(folder.path(), "sparse", order, {}, 0.01);
  const InvertedIndex index(folder.path(), "sparse");
  index.verify();
  for (int trial = 0; trial < 60; ++trial) {
    const auto terms = random_query(rng, vocabulary);
    InvertedStatistics statistics;
    statistics.add(index, terms);
    const QueryWeights weights = weigh(terms, statistics, {});
    const SegmentQuery query(index, weights);
    for (const size_t k : {1u, 10u, 1000u}) {
      TopK top(k);
      for (size_t doc = 0; doc < documents; ++doc) {
        int32_t score = 0;
        for (const auto& [term, weight, entries] : weights.terms)
          if (const auto found = rows[doc].find(term); found != rows[doc].end())
            score += static_cast<int32_t>(
                std::lrint(weights.fixed.units(weight) * static_cast<float>(found->second)));
        if (score > 0) top.offer(static_cast<DocOrdinal>(doc), static_cast<float>(score));
      }
      const auto expected = top.take();
      for (const Pruning pruning : all_prunings)
        ASSERT_EQ(search(query, k, nullptr, 0, pruning), expected) << to_string(pruning) << " k " << k;
    }
    // And the score is the product of the weights, to a unit a term.
    for (const auto& [doc, units] : search(query, 5, nullptr, 0, Pruning::maxscore)) {
      double product = 0;
      for (const auto& [term, weight] : terms)
        if (const auto found = rows[doc].find(term); found != rows[doc].end())
          product += weight * 0.01 * found->second;
      EXPECT_NEAR(weights.fixed.score(static_cast<int32_t>(units)), product, 1e-5 * product);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SearchTest, testing::ValuesIn(kernels::supported_isas()),
                         [](const auto& instance) { return to_string(instance.param); });

TEST(Bm25Score, IsTheFormula) {
  const std::vector<Words> documents = {{"a", "b", "a"}, {"b", "c"}, {"c", "c", "c", "d"}};
  test::TemporaryFolder folder;
  build(documents, folder.path());
  const InvertedIndex index(folder.path(), "text");
  const std::vector<WeightedTerm> terms = {{"a", 1}, {"b", 2}, {"absent", 1}};
  InvertedStatistics statistics;
  statistics.add(index, terms);
  const QueryWeights weights = weigh(terms, statistics, {});
  const auto found = search(SegmentQuery(index, weights), 10, nullptr, 0, Pruning::maxscore);
  const auto part = [](double tf, double length) { return tf / (tf + 0.9 * (0.6 + 0.4 * length / 3)); };
  const double a = std::log(1 + (3 - 1 + 0.5) / 1.5), b = std::log(1 + (3 - 2 + 0.5) / 2.5);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].doc, 0u);
  EXPECT_NEAR(weights.fixed.score(static_cast<int32_t>(found[0].score)), a * part(2, 3) + 2 * b * part(1, 3),
              1e-6);
  EXPECT_NEAR(weights.fixed.score(static_cast<int32_t>(found[1].score)), 2 * b * part(1, 2), 1e-6);
}

TEST(Positions, AreThoseOfTheWords) {
  Rng rng(13);
  const auto documents = random_collection(rng, 900, 30, 50);
  test::TemporaryFolder folder;
  build(documents, folder.path());
  const InvertedIndex index(folder.path(), "text");
  TermDictionary::Walk walk(index.terms());
  while (walk.next()) {
    const PostingList list = index.postings(walk.entry());
    auto positions = index.positions(walk.entry());
    DocOrdinal docs[block_size + kernels::unpack_over_write];
    for (uint32_t block = 0; block < list.blocks(); ++block) {
      list.docs(block, docs);
      for (uint32_t i = 0; i < list.count(block); i += 1 + static_cast<uint32_t>(rng.below(3))) {
        std::vector<uint32_t> expected;
        for (size_t p = 0; p < documents[docs[i]].size(); ++p)
          if (documents[docs[i]][p] == walk.term()) expected.push_back(static_cast<uint32_t>(p));
        ASSERT_EQ(positions.of(block, i), expected);
      }
    }
  }
}

TEST(Merge, EqualsBuildingAtOnceWithoutTheDeleted) {
  Rng rng(14);
  for (const double deleted : {0.0, 0.2}) {
    const auto all = random_collection(rng, 3000, 500, 30);
    std::vector<std::vector<Words>> parts(3);
    std::vector<MergeSource> sources(3);
    std::vector<Words> left;
    DocOrdinal next = 0;
    for (const auto& words : all) {
      const size_t part = rng.below(3);
      parts[part].push_back(words);
      const bool drop = rng.chance(deleted);
      sources[part].new_ordinals.push_back(drop ? dropped : next++);
      if (!drop) left.push_back(words);
    }
    test::TemporaryFolder folder;
    std::vector<std::unique_ptr<InvertedIndex>> indexes;
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto place = folder / std::to_string(i);
      std::filesystem::create_directory(place);
      build(parts[i], place);
      indexes.push_back(std::make_unique<InvertedIndex>(place, "text"));
      sources[i].index = indexes.back().get();
    }
    std::filesystem::create_directory(folder / "merged");
    std::filesystem::create_directory(folder / "whole");
    merge_inverted(sources, next, folder / "merged", "text", {});
    build(left, folder / "whole");
    InvertedIndex(folder / "merged", "text").verify();
    for (const char* ending : {".terms", ".postings", ".positions", ".lengths"})
      EXPECT_EQ(read_file(folder / "merged" / (std::string("text") + ending)),
                read_file(folder / "whole" / (std::string("text") + ending)))
          << ending;
  }
}

TEST(InvertedIndex, NamesWhatIsDamaged) {
  Rng rng(15);
  test::TemporaryFolder folder;
  build(random_collection(rng, 500, 60, 40), folder.path());
  const auto damage = [&](const std::string& name, const std::function<void(std::string&)>& change) {
    const auto path = folder / name;
    const std::string good = read_file(path);
    std::string bad = good;
    change(bad);
    write_file(path, bad);
    const std::string message = test::error_of([&] { InvertedIndex(folder.path(), "text").verify(); });
    write_file(path, good);
    return message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(damage("text.lengths", [](auto& s) { s.pop_back(); }),
              HasSubstr("one for each of 500 documents"));
  EXPECT_THAT(damage("text.postings", [](auto& s) { s.resize(40); }), HasSubstr("text.postings"));
  EXPECT_THAT(damage("text.postings", [](auto& s) { s.resize(s.size() / 2); }),
              HasSubstr("damaged posting list"));
  EXPECT_THAT(damage("text.terms", [](auto& s) { s.resize(s.size() - 5); }), HasSubstr("text.terms"));
  EXPECT_THAT(damage("text.positions", [](auto& s) { s.resize(s.size() / 2); }), HasSubstr("positions"));
  EXPECT_THAT(damage("text.json", [](auto& s) { s = "{}"; }), HasSubstr("text.json"));
  EXPECT_THAT(damage("text.postings", [](auto& s) { s[s.size() / 3] ^= 0x55; }), HasSubstr("text"));
  // And searching damaged postings is an Error or a wrong answer, never a crash.
  const std::string good = read_file(folder / "text.postings");
  for (int trial = 0; trial < 300; ++trial) {
    std::string bad = good;
    for (int i = 0; i < 20; ++i) bad[rng.below(bad.size() - 64)] = static_cast<char>(rng.next());
    write_file(folder / "text.postings", bad);
    const InvertedIndex index(folder.path(), "text");
    const auto terms = random_query(rng, 60);
    InvertedStatistics statistics;
    statistics.add(index, terms);
    const QueryWeights weights = weigh(terms, statistics, {});
    for (const Pruning pruning : all_prunings) try {
        for (const auto& doc : search(SegmentQuery(index, weights), 10, nullptr, 0, pruning))
          ASSERT_LT(doc.doc, index.documents());
      } catch (const Error&) {
      }
  }
}

}  // namespace
}  // namespace coppice
