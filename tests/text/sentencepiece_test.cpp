// Our reader of SentencePiece models against libsentencepiece.

#include <filesystem>
#include <set>

#include "base/rng.h"
#include "base/strings.h"
#include "sentencepiece_models.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/utf8.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using test::data_folder;
using test::Oracle;

const SentencePieceOptions bare = {.add_bos = false, .add_eos = false};

void expect_equal(const Tokenizer& ours, const Oracle& oracle, const std::string& text) {
  const auto ids = oracle.encode(text);
  EXPECT_EQ(ours.encode(text), ids) << "text: " << to_line(Json(to_utf8(text)));
  EXPECT_EQ(ours.decode(ids), oracle.decode(ids)) << "text: " << to_line(Json(to_utf8(text)));
}

// A text without the spelling of a special token, which we alone look for.
std::string without_specials(std::string text) {
  for (char& c : text)
    if (c == '<') c = '(';
  return text;
}

std::string random_mixture(Rng& rng, const Tokenizer& tokenizer) {
  static const std::vector<std::string> atoms = {" ",
                                                 "  ",
                                                 "      ",
                                                 "\t",
                                                 "\r\n",
                                                 "\n",
                                                 "▁",
                                                 "e\u0301",
                                                 "ﬁ",
                                                 "Ａ",
                                                 "①",
                                                 "\u00a0",
                                                 "\u3000",
                                                 "\u200b",
                                                 "\uFEFF",
                                                 "\uFFFD",
                                                 "🦙",
                                                 "👩‍👩‍👧",
                                                 "🇩🇪",
                                                 "한국어",
                                                 "漢字",
                                                 "ß",
                                                 "İ",
                                                 ".",
                                                 "1",
                                                 "\xC3",
                                                 "\xE2\x96",
                                                 "\xFF",
                                                 "\xED\xA0\x80",
                                                 "\xF4\x90\x80\x80",
                                                 std::string(1, '\0')};
  std::string text;
  for (uint64_t i = rng.below(25); i > 0; --i) {
    const double kind = rng.uniform();
    if (kind < 0.4) {
      text += rng.pick(atoms);
    } else if (kind < 0.5) {
      text.push_back(static_cast<char>(rng.below(256)));
    } else if (kind < 0.6) {
      const auto c = static_cast<char32_t>(rng.below(0x110000));
      if (c < 0xD800 || c >= 0xE000) append_character(text, c);
    } else {
      const auto id = static_cast<TokenId>(rng.below(static_cast<uint64_t>(tokenizer.vocabulary())));
      const std::string piece = tokenizer.token(id);
      const size_t begin = rng.below(piece.size());
      text += piece.substr(begin, 1 + rng.below(piece.size() - begin));
    }
  }
  return without_specials(text);
}

void expect_equal_on_real_texts(const std::string& model) {
  const std::string bytes = read_file(data_folder() / "tokenizers" / model);
  const auto ours = read_sentencepiece_tokenizer(bytes, bare, model);
  const Oracle oracle(bytes);
  for (const auto& entry :
       std::filesystem::directory_iterator(data_folder() / "multilingual-text" / "udhr")) {
    const std::string text = without_specials(read_file(entry.path()));
    expect_equal(*ours, oracle, text);
    for (const auto& line : split(text, '\n')) expect_equal(*ours, oracle, line);
  }
  Rng rng(1);
  for (int round = 0; round < 3000; ++round) expect_equal(*ours, oracle, random_mixture(rng, *ours));
  for (const size_t length : {1, 2, 15, 16, 17, 33, 1000})
    expect_equal(*ours, oracle, std::string(length, ' '));
  // Any ids, as a model may sample them.
  for (int round = 0; round < 1000; ++round) {
    std::vector<TokenId> ids;
    for (uint64_t i = rng.below(12); i > 0; --i)
      ids.push_back(
          static_cast<TokenId>(rng.below(rng.chance(0.5) ? 300 : static_cast<uint64_t>(ours->vocabulary()))));
    EXPECT_EQ(ours->decode(ids), oracle.decode(ids));
  }
}

TEST(SentencePiece, bpe_of_llama2_gives_the_ids_of_libsentencepiece) {
  COPPICE_NEEDS_DATA("tokenizers");
  COPPICE_NEEDS_DATA("multilingual-text");
  expect_equal_on_real_texts("llama2/tokenizer.model");
}

TEST(SentencePiece, unigram_of_t5_gives_the_ids_of_libsentencepiece) {
  COPPICE_NEEDS_DATA("tokenizers");
  COPPICE_NEEDS_DATA("multilingual-text");
  expect_equal_on_real_texts("t5/spiece.model");
}

// Pieces over a small alphabet, with many equal scores.
test::ModelRecipe random_recipe(Rng& rng, int kind) {
  static const std::vector<std::string> alphabet = {"a", "b", "c", "é", "▁", "漢"};
  test::ModelRecipe recipe = {.kind = kind, .byte_fallback = rng.chance(0.5), .suffix = rng.chance(0.2)};
  recipe.add_dummy_prefix = rng.chance(0.8);
  recipe.remove_extra_whitespaces = rng.chance(0.5);
  recipe.escape_whitespaces = rng.chance(0.9);
  recipe.pieces = {
      {"<unk>", 0, PieceKind::unknown}, {"<s>", 0, PieceKind::control}, {"</s>", 0, PieceKind::control}};
  for (int byte = 0; recipe.byte_fallback && byte < 256; ++byte)
    recipe.pieces.push_back({fmt::format("<0x{:02X}>", byte), 0, PieceKind::byte});
  const bool integers = rng.chance(0.5), special = rng.chance(0.5);
  std::set<std::string> seen;
  for (uint64_t i = 2 + rng.below(40); i > 0; --i) {
    std::string text;
    for (uint64_t length = 1 + rng.below(4); length > 0; --length) text += rng.pick(alphabet);
    if (!seen.insert(text).second) continue;
    const auto score =
        static_cast<float>(integers ? -static_cast<double>(rng.below(4)) : rng.uniform(-10, 0));
    const double draw = special ? rng.uniform() : 1;
    recipe.pieces.push_back({text, score,
                             draw < 0.1   ? PieceKind::user_defined
                             : draw < 0.3 ? PieceKind::unused
                                          : PieceKind::normal});
  }
  return recipe;
}

class RandomSentencePiece : public testing::TestWithParam<int> {};

TEST_P(RandomSentencePiece, models_give_the_ids_of_libsentencepiece) {
  static const std::vector<std::string> atoms = {"a", "b", "c",    "é",    " ", "漢",
                                                 "x", "▁", "🦙", "\xC3", "  "};
  Rng rng(static_cast<uint64_t>(GetParam()));
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = test::model_bytes(random_recipe(rng, GetParam()));
    const auto ours = read_sentencepiece_tokenizer(bytes, bare, "random");
    const Oracle oracle(bytes);
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (uint64_t length = rng.below(40); length > 0; --length) text += rng.pick(atoms);
      expect_equal(*ours, oracle, text);
    }
    if (HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RandomSentencePiece, testing::Values(1, 2),
                         [](const auto& tested) { return tested.param == 1 ? "unigram" : "bpe"; });

}  // namespace
}  // namespace coppice
