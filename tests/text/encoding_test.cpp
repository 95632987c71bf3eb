// Offsets, pairs, truncation and padding.

#include "text/encoding.h"

#include "base/rng.h"
#include "base/strings.h"
#include "text/utf8.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using Words = std::vector<std::string>;

Json small_file() {
  return {{"added_tokens",
           {{{"id", 0}, {"content", "[CLS]"}, {"special", true}},
            {{"id", 1}, {"content", "[SEP]"}, {"special", true}}}},
          {"normalizer", {{"type", "BertNormalizer"}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", {"[CLS]", 0}}, {"sep", {"[SEP]", 1}}}},
          {"decoder", {{"type", "WordPiece"}}},
          {"model",
           {{"type", "WordPiece"},
            {"vocab",
             {{"[CLS]", 0}, {"[SEP]", 1}, {"[UNK]", 2}, {"hel", 3}, {"##lo", 4}, {"!", 5}, {"漢", 6}}}}}};
}

Words parts_of(std::string_view text, const Encoding& encoding) {
  Words parts;
  for (const auto& [begin, end] : encoding.offsets) parts.emplace_back(text.substr(begin, end - begin));
  return parts;
}

TEST(Offsets, show_the_caller_s_text_through_normalization) {
  const auto tokenizer = test::tokenizer_of(small_file());
  const std::string text = " \x01HÉL\u200dlo漢! \xFF[SEP]";
  const Encoding encoding = tokenizer->encode_full(text);
  EXPECT_EQ(encoding.ids, tokenizer->encode(text));
  EXPECT_EQ(encoding.ids, (std::vector<TokenId>{0, 3, 4, 6, 5, 1, 1}));
  EXPECT_EQ(parts_of(text, encoding), (Words{"", "HÉL", "lo", "漢", "!", "[SEP]", ""}));
}

TEST(Offsets, of_characters_count_every_character_that_is_touched) {
  const std::string text = "aé漢🦙";
  const std::vector<TextRange> bytes = {{0, 1}, {1, 3}, {3, 10}, {1, 2}, {2, 3}, {10, 10}};
  const std::vector<TextRange> characters = {{0, 1}, {1, 2}, {2, 4}, {1, 2}, {1, 2}, {4, 4}};
  EXPECT_EQ(in_characters(text, bytes), characters);
}

Words atoms() {
  return {"a",  "B",      "é",      "e\u0301", "ﬁ", "漢",   "각",   "각",   "🦙",          " ",
          "  ", "\n",     "\u3000", "1",       "!", "\xC3", "\xFF", "\x01", "x\u0323\u0302", "<s>",
          "▁",  "\uFFFD", "ß",      "İ"};
}

// Of every pipeline that gpt2 and its like use: ids do not depend on tracing, offsets are inside the text, and
// those of a pipeline that keeps every byte cover it without gaps.
TEST(Offsets, are_sound_for_random_texts) {
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
  Json vocab = Json::object();
  for (const std::string text :
       {"a", "b", "c", "e", "Ġ", "Ã", "©", "Ġa", "Ã©", "!", "▁", "▁a", "<unk>", "é", "f", "i", "fi"})
    vocab[text] = vocab.size();
  const Json bpe = {{"type", "BPE"},
                    {"vocab", vocab},
                    {"unk_token", "<unk>"},
                    {"fuse_unk", true},
                    {"merges", {"Ġ a", "Ã ©", "▁ a", "f i"}}};
  const Json metaspace = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  Json pieces = Json::array();
  for (const auto& [text, id] : vocab.items()) pieces.push_back({text, -1.0 - 0.1 * id.get<double>()});
  const Json unigram = {{"type", "Unigram"}, {"unk_id", 12}, {"vocab", pieces}};
  const Json added = {{{"id", 100}, {"content", "<s>"}, {"special", true}, {"lstrip", true}}};
  const std::vector<Json> files = {
      {{"pre_tokenizer", bytes}, {"model", bpe}, {"added_tokens", added}},
      {{"normalizer", {{"type", "NFKC"}}},
       {"pre_tokenizer", metaspace},
       {"model", unigram},
       {"added_tokens", added}},
      {{"normalizer",
        {{"type", "Sequence"},
         {"normalizers",
          {{{"type", "NFD"}},
           {{"type", "Lowercase"}},
           {{"type", "StripAccents"}},
           {{"type", "Prepend"}, {"prepend", "▁"}},
           {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}}},
       {"model", bpe}},
      {{"normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "^"}}}, {"content", "a"}}},
       {"model", bpe}},
      small_file()};
  Rng rng(6);
  const Words all = atoms();
  for (const auto& file : files) {
    const auto tokenizer = test::tokenizer_of(file);
    const bool covers = &file == &files[0];
    for (int round = 0; round < 400; ++round) {
      std::string text;
      for (uint64_t i = rng.below(10); i > 0; --i) text += rng.pick(all);
      const Encoding encoding = tokenizer->encode_full(text, std::nullopt, {.add_special = false});
      ASSERT_EQ(encoding.ids, tokenizer->encode(text, false)) << to_line(Json(to_utf8(text)));
      size_t behind = 0;
      for (const auto& [begin, end] : encoding.offsets) {
        ASSERT_LE(begin, end);
        ASSERT_LE(end, text.size());
        if (covers) {
          ASSERT_LE(begin, behind) << to_line(Json(to_utf8(text)));
          behind = std::max(behind, end);
        }
      }
    }
  }
}

TEST(Pairs, stand_in_the_template_with_their_segments) {
  const auto tokenizer = test::tokenizer_of(small_file());
  const Encoding pair = tokenizer->encode_full("hel", "lo!");
  EXPECT_EQ(pair.ids, (std::vector<TokenId>{0, 3, 1, 2, 5, 1}));
  EXPECT_EQ(pair.types, (std::vector<int32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(pair.texts, (std::vector<int32_t>{-1, 0, -1, 1, 1, -1}));
  Json file = small_file();
  file["post_processor"]["type"] = "RobertaProcessing";
  const Encoding roberta = test::tokenizer_of(file)->encode_full("hel", "!");
  EXPECT_EQ(roberta.ids, (std::vector<TokenId>{0, 3, 1, 1, 5, 1}));
  EXPECT_EQ(roberta.types, (std::vector<int32_t>(6, 0)));
}

Encoding of_length(size_t size) {
  Encoding encoding;
  for (size_t i = 0; i < size; ++i) encoding.push_back(static_cast<TokenId>(i), {i, i + 1}, 0, 0);
  return encoding;
}

// The definition: while there are too many tokens, the longer text loses its last one, of equal ones the first.
TEST(Truncation, of_the_longest_first_removes_token_by_token) {
  for (size_t one = 0; one < 9; ++one)
    for (size_t two = 0; two < 9; ++two)
      for (size_t room = 0; room < 18; ++room) {
        size_t left = one, right = two;
        while (left + right > room) --(left >= right ? left : right);
        Encoding first = of_length(one), second = of_length(two);
        truncate(first, &second, room, {});
        // Where an odd token goes depends on which text was longer.
        EXPECT_EQ(first.size() + second.size(), left + right);
        EXPECT_LE(first.size() > left ? first.size() - left : left - first.size(), 1u);
      }
}

TEST(Truncation, cuts_the_side_and_the_text_that_it_is_told_to) {
  Encoding first = of_length(5), second = of_length(3);
  truncate(first, &second, 6, {.strategy = TruncationStrategy::only_first, .direction = TextSide::left});
  EXPECT_EQ(first.ids, (std::vector<TokenId>{2, 3, 4}));
  EXPECT_EQ(second.size(), 3u);
  const auto too_much = [&] { truncate(first, &second, 2, {.strategy = TruncationStrategy::only_second}); };
  EXPECT_NE(test::error_of(too_much).find("3 tokens where 4 must go"), std::string::npos);
  const auto tokenizer = test::tokenizer_of(small_file());
  const Encoding cut =
      tokenizer->encode_full("hello!", "hello!", {.truncation = Truncation{.max_length = 7}});
  EXPECT_EQ(cut.ids, (std::vector<TokenId>{0, 3, 4, 1, 3, 4, 1}));
}

TEST(Padding, makes_a_batch_equally_long) {
  std::vector<Encoding> batch = {of_length(1), of_length(3)};
  pad(batch, {.pad_to_multiple_of = 4, .pad_id = 9, .pad_type_id = 2, .direction = TextSide::left});
  EXPECT_EQ(batch[0].ids, (std::vector<TokenId>{9, 9, 9, 0}));
  EXPECT_EQ(batch[0].mask, (std::vector<int32_t>{0, 0, 0, 1}));
  EXPECT_EQ(batch[0].types, (std::vector<int32_t>{2, 2, 2, 0}));
  EXPECT_EQ(batch[1].size(), 4u);
  Json file = small_file();
  file["truncation"] = {{"max_length", 4}, {"stride", 0}, {"strategy", "OnlyFirst"}, {"direction", "Right"}};
  file["padding"] = {
      {"strategy", {{"Fixed", 6}}}, {"direction", "Right"}, {"pad_to_multiple_of", nullptr}, {"pad_id", 2},
      {"pad_type_id", 0},           {"pad_token", "[UNK]"}};
  const auto tokenizer = test::tokenizer_of(file);
  EXPECT_EQ(tokenizer->encode_full("hello!", std::nullopt, tokenizer->file_options()).ids,
            (std::vector<TokenId>{0, 3, 4, 1, 2, 2}));
  EXPECT_EQ(tokenizer->encode("hello!").size(), 5u);
}

}  // namespace
}  // namespace coppice
