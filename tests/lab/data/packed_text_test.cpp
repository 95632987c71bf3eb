#include "lab/data/packed_text.h"

#include <set>

#include "base/file.h"
#include "support.h"

namespace coppice::test {
namespace {

using lab::PackedText;
using lab::split_documents;

// One id per byte; 1 begins and 2 ends a document.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, bool add_special) const override {
    std::vector<TokenId> ids;
    if (add_special) ids.push_back(1);
    for (const unsigned char c : text) ids.push_back(c);
    return ids;
  }
  std::string decode(std::span<const TokenId> ids, bool) const override { return {ids.begin(), ids.end()}; }
  int64_t vocabulary() const override { return 256; }
  std::optional<TokenId> find(std::string_view token) const override {
    return token == "</s>" ? std::optional<TokenId>(2) : std::nullopt;
  }
  std::string token(TokenId id) const override { return {static_cast<char>(id)}; }
  bool is_special(TokenId id) const override { return id == 1 || id == 2; }
};

std::vector<TokenId> counting(int64_t count) {
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<TokenId>(i));
  return ids;
}

TEST(SplitDocuments, ByMarkerByEmptyLineAndByFile) {
  const std::string text = "one\n<|endoftext|>\n\ntwo\nlines\n\n<|endoftext|>\n<|endoftext|>\nthree";
  EXPECT_EQ(split_documents(text, DocumentBreak::marker),
            (std::vector<std::string_view>{"one", "two\nlines", "three"}));
  EXPECT_EQ(split_documents("a\nb\n\n\r\nc\n", DocumentBreak::empty_line),
            (std::vector<std::string_view>{"a\nb", "c"}));
  EXPECT_EQ(split_documents("a\n\nb\n", DocumentBreak::file), (std::vector<std::string_view>{"a\n\nb"}));
  EXPECT_TRUE(split_documents(" \n\n \n", DocumentBreak::file).empty());
  EXPECT_TRUE(split_documents("", DocumentBreak::marker).empty());
}

TEST(PackDocuments, PutsBeginAndEndAroundEachDocument) {
  const std::vector<std::string_view> documents = {"ab", "c"};
  const auto special = lab::document_tokens(ByteTokenizer());
  EXPECT_EQ(lab::pack_documents(documents, ByteTokenizer(), special),
            (std::vector<TokenId>{1, 'a', 'b', 2, 1, 'c', 2}));
  EXPECT_EQ(lab::pack_documents(documents, ByteTokenizer(), {.begin = 2, .end = 2}),
            (std::vector<TokenId>{2, 'a', 'b', 2, 'c', 2}));
  EXPECT_EQ(lab::pack_documents(documents, ByteTokenizer(), {}), (std::vector<TokenId>{'a', 'b', 'c'}));
}

TEST(PackFiles, EmptyTextIsAnError) {
  const TemporaryFolder folder;
  const std::vector<std::filesystem::path> files = {folder / "blank.txt"};
  write_file(files[0], "\n \n<|endoftext|>\n");
  EXPECT_THROW(lab::pack_files(files, DocumentBreak::marker, ByteTokenizer(), {}), Error);
}

TEST(PackedText, AnEpochShowsEveryWindowOnceAndTargetsFollowInputs) {
  const PackedText text(counting(203), 10, 1000, 3);
  ASSERT_EQ(text.windows(), 19);
  std::set<int64_t> starts;
  for (int64_t i = 0; i < text.windows(); ++i) {
    const torch::Tensor window = text.batch(i, 1)[0];
    EXPECT_TRUE(torch::equal(window, torch::arange(11, torch::kInt64) + window[0]));
    starts.insert(window[0].item<int64_t>());
  }
  EXPECT_EQ(starts.size(), 19U);
  EXPECT_EQ(*starts.rbegin() - *starts.begin(), 180);  // they tile without overlap
  EXPECT_LE(*starts.rbegin() + 10, 202);
}

TEST(PackedText, ABatchIsAFunctionOfSeedAndStep) {
  const PackedText a(counting(203), 10, 1000, 3), b(counting(203), 10, 1000, 3),
      other(counting(203), 10, 1000, 4);
  const torch::Tensor later = a.batch(17, 4);  // asked for first, and across an epoch's end
  for (int64_t step = 0; step < 17; ++step) b.batch(step, 4);
  EXPECT_TRUE(torch::equal(later, b.batch(17, 4)));
  EXPECT_FALSE(torch::equal(later, other.batch(17, 4)));
  EXPECT_FALSE(torch::equal(a.batch(0, 19), a.batch(1, 19)));  // the next epoch has another order
  EXPECT_EQ(a.fingerprint(), b.fingerprint());
  EXPECT_NE(a.fingerprint(), PackedText(counting(204), 10, 1000, 3).fingerprint());
}

TEST(PackedText, RefusesShortTextAndForeignIds) {
  EXPECT_THROW(PackedText({}, 10, 1000, 0), Error);
  EXPECT_THROW(PackedText(counting(10), 10, 1000, 0), Error);
  EXPECT_NO_THROW(PackedText(counting(11), 10, 1000, 0));
  EXPECT_THROW(PackedText(counting(50), 10, 49, 0), Error);
}

}  // namespace
}  // namespace coppice::test
