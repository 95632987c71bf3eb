// An index goes out as CIFF and comes in again: the same documents, scores and order.

#include "index/store/ciff_exchange.h"

#include <gmock/gmock.h>

#include "base/rng.h"
#include "format/ciff.h"
#include "index/search/searcher.h"
#include "support.h"

namespace coppice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

IndexSpec spec_with(bool positions) {
  IndexSpec spec;
  spec.text.emplace();
  spec.text->analyzer = analyzer_preset("standard");
  spec.text->positions = positions;
  return spec;
}

std::vector<std::pair<std::string, double>> search(const std::filesystem::path& path,
                                                   const std::string& query) {
  IndexReader reader(path);
  std::vector<std::pair<std::string, double>> found;
  for (const Hit& hit : Searcher(reader).text(query, QuerySyntax::plain, 50))
    found.emplace_back(hit.id, hit.score);
  return found;
}

class CiffExchangeTest : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  std::filesystem::path index = folder / "index", file = folder / "index.ciff", again = folder / "again";

  CiffSummary import(const std::filesystem::path& target) {
    create_index(target, spec_with(false));
    IndexWriter writer(target);
    return import_ciff(file, writer);
  }
  void write(const std::vector<CiffList>& lists, const std::vector<CiffDocument>& documents) {
    CiffWriter writer(file, {.lists = static_cast<int64_t>(lists.size()),
                             .documents = static_cast<int64_t>(documents.size()),
                             .total_lists = static_cast<int64_t>(lists.size())});
    for (const auto& list : lists) writer.add(list);
    for (const auto& document : documents) writer.add(document);
    writer.finish();
  }
};

TEST_F(CiffExchangeTest, OutAndInAgainSearchesTheSame) {
  create_index(index, spec_with(true));
  Rng rng(8);
  {
    IndexWriter writer(index);
    for (int batch = 0; batch < 3; ++batch) {
      std::vector<IndexedDocument> documents(200);
      for (auto& document : documents) {
        document.id = fmt::format("d{}", rng.below(500));
        std::string text;
        for (uint64_t n = rng.below(60); n > 0; --n)
          text += fmt::format("w{} ", rng.below(1 + rng.below(80)));
        document.fields = {{"text", text}};
      }
      writer.add(documents);
      writer.commit();
    }
    for (int i = 0; i < 40; ++i) writer.remove(fmt::format("d{}", rng.below(500)));
    writer.commit();
  }
  ASSERT_GT(IndexReader(index).parts().size(), 1u);
  const CiffSummary out = export_ciff(IndexReader(index), file);
  const CiffSummary in = import(again);
  EXPECT_EQ(to_json(in), to_json(out));
  EXPECT_THAT(IndexReader(again).verify(), ElementsAre());
  // Merged, so that deleted documents no longer count in the statistics of the one we compare with.
  IndexWriter(index).merge_all();
  EXPECT_EQ(static_cast<size_t>(out.documents), IndexReader(index).documents());
  for (int i = 0; i < 40; ++i) {
    const std::string query = fmt::format("w{} w{} w{}", rng.below(80), rng.below(20), rng.below(5));
    const auto found = search(again, query);
    EXPECT_FALSE(found.empty());
    EXPECT_EQ(found, search(index, query)) << query;
  }
  // Once more out: the same bytes.
  const std::string first = read_file(file);
  export_ciff(IndexReader(again), file);
  EXPECT_EQ(read_file(file), first);
}

// What readers of other engines rely on: PISA's takes documents by their place and terms by their order, others the
// header's sums. Deleted documents are nowhere.
TEST_F(CiffExchangeTest, WhatGoesOutIsNumberedSortedAndCounted) {
  create_index(index, spec_with(true));
  {
    IndexWriter writer(index);
    for (int i = 0; i < 70; ++i) {
      IndexedDocument document;
      document.id = fmt::format("d{}", i);
      std::string text;
      for (int word = 0; word <= i % 9; ++word) text += fmt::format("w{} w{} éa ", word, i % 13);
      document.fields = {{"text", text}};
      writer.add({&document, 1});
      if (i % 25 == 0) writer.commit();
    }
    writer.commit();
    for (int i = 0; i < 70; i += 6) writer.remove(fmt::format("d{}", i));
    writer.commit();
  }
  export_ciff(IndexReader(index), file);
  CiffReader reader(file);
  const CiffHeader& header = reader.header();
  const auto live = static_cast<int64_t>(IndexReader(index).documents());
  EXPECT_EQ(header.documents, live);
  EXPECT_EQ(header.total_documents, live);
  EXPECT_EQ(header.lists, header.total_lists);
  std::string before;
  int64_t occurrences = 0, lists = 0;
  std::vector<int64_t> lengths(static_cast<size_t>(live));
  for (CiffList list; reader.next(list); ++lists) {
    EXPECT_LT(before, list.term);
    before = list.term;
    for (size_t i = 0; i < list.documents.size(); ++i) {
      occurrences += list.frequencies[i];
      lengths.at(list.documents[i]) += list.frequencies[i];
      if (i > 0) {
        EXPECT_LT(list.documents[i - 1], list.documents[i]);
      }
    }
  }
  EXPECT_EQ(lists, header.lists);
  EXPECT_EQ(header.total_length, occurrences);
  EXPECT_DOUBLE_EQ(header.average_length, static_cast<double>(occurrences) / static_cast<double>(live));
  uint32_t number = 0;
  for (CiffDocument document; reader.next(document); ++number) {
    EXPECT_EQ(document.number, number);
    EXPECT_EQ(document.length, lengths[number]) << "lengths this short are kept exactly";
    EXPECT_NE(std::stoi(document.id.substr(1)) % 6, 0);
  }
  EXPECT_EQ(number, live);
}

TEST_F(CiffExchangeTest, OtherOrdersOfDocumentsAndTermsAreTakenIn) {
  write({{"b", {0, 2}, {1, 3}}, {"a", {1}, {2}}}, {{2, "X", 3}, {0, "Z", 1}, {1, "Y", 2}});
  const CiffSummary summary = import(again);
  EXPECT_EQ(summary.postings, 3);
  EXPECT_THAT(IndexReader(again).verify(), ElementsAre());
  EXPECT_EQ(search(again, "a").at(0).first, "Y");
  const auto found = search(again, "b");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].first, "X");  // three times
}

TEST_F(CiffExchangeTest, AnImportedIndexGrowsLikeAnyOther) {
  write({{"a", {0, 1}, {1, 1}}}, {{0, "A", 1}, {1, "B", 1}});
  import(again);
  {
    IndexWriter writer(again);
    IndexedDocument document;
    document.id = "A";
    document.fields = {{"text", "b"}};
    writer.add({&document, 1});
    EXPECT_EQ(writer.commit().replaced, 1);
    writer.merge_all();
  }
  EXPECT_THAT(IndexReader(again).verify(), ElementsAre());
  EXPECT_EQ(search(again, "a").size(), 1u);
  EXPECT_EQ(search(again, "b").size(), 1u);
}

TEST_F(CiffExchangeTest, WhatContradictsItselfIsRefused) {
  const auto refused = [&] {
    const auto target = folder / fmt::format("refused{}", read_file(file).size());
    std::filesystem::remove_all(target);
    const std::string message = test::error_of([&] { import(target); });
    EXPECT_THAT(IndexReader(target).verify(), ElementsAre());
    EXPECT_EQ(IndexReader(target).documents(), 0u);
    return message;
  };
  write({{"a", {0}, {1}}}, {{0, "A", 1}, {1, "A", 1}});
  EXPECT_THAT(refused(), HasSubstr("the id 'A' twice"));
  write({{"a", {0}, {1}}}, {{0, "A", 1}, {0, "B", 1}});
  EXPECT_THAT(refused(), HasSubstr("document 0 twice"));
  write({{"a", {0}, {1}}}, {{0, "A B", 1}, {1, "B", 1}});
  EXPECT_THAT(refused(), HasSubstr("no white space"));
  write({{"a", {0}, {1}}, {"a", {1}, {1}}}, {{0, "A", 1}, {1, "B", 1}});
  EXPECT_THAT(refused(), HasSubstr("two posting lists of 'a'"));
}

TEST_F(CiffExchangeTest, AnIndexWithoutTextHasNothingToExport) {
  IndexSpec spec;
  spec.sparse.emplace();
  create_index(index, spec);
  EXPECT_THAT(test::error_of([&] { export_ciff(IndexReader(index), file); }, Fault::usage),
              HasSubstr("without text"));
}

}  // namespace
}  // namespace coppice
