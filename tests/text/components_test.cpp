// Single components, by what Hugging Face tokenizers document of them.

#include "base/rng.h"
#include "base/strings.h"
#include "text/byte_alphabet.h"
#include "text/decode/token_decoder.h"
#include "text/gpt2_words.h"
#include "text/normalize/normalizer.h"
#include "text/pattern.h"
#include "text/pretokenize/pre_tokenizer.h"
#include "text/utf8.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using Words = std::vector<std::string>;

std::string normalize(const Json& json, std::string_view text) {
  return normalized(*make_component(normalizers(), json, "test"), text);
}

Words cut(const Json& json, const std::string& text, bool at_start = true) {
  std::vector<Piece> pieces;
  make_component(pre_tokenizers(), json, "test")->cut({text, at_start, {}}, pieces);
  Words words;
  for (const auto& piece : pieces) words.push_back(piece.text);
  return words;
}

std::string decode(const Json& json, const Words& tokens) {
  std::string text;
  for (const auto& part : make_component(token_decoders(), json, "test")->apply(tokens)) text += part;
  return text;
}

Json split_on(const char* kind, const char* pattern, const char* behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{kind, pattern}}}, {"behavior", behavior}, {"invert", invert}};
}

TEST(Normalizers, change_texts_as_documented) {
  EXPECT_EQ(normalize({{"type", "Prepend"}, {"prepend", "▁"}}, "a"), "▁a");
  EXPECT_EQ(normalize({{"type", "Prepend"}, {"prepend", "▁"}}, ""), "");
  EXPECT_EQ(normalize({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}, " a  b"),
            "▁a▁▁b");
  EXPECT_EQ(normalize({{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}}, "a \n\tb"),
            "a b");
  EXPECT_EQ(normalize({{"type", "NFC"}}, "e\u0301"), "é");
  EXPECT_EQ(normalize({{"type", "NFD"}}, "é"), "e\u0301");
  EXPECT_EQ(normalize({{"type", "NFKC"}}, "ﬁ①"), "fi1");
  EXPECT_EQ(normalize({{"type", "NFKD"}}, "ﬁé"), "fie\u0301");
  EXPECT_EQ(normalize({{"type", "Lowercase"}}, "ÀBΣİ"), "àbσi\u0307");
  EXPECT_EQ(normalize({{"type", "Strip"}}, " \u00a0a b\n"), "a b");
  EXPECT_EQ(normalize({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}}, " a "), " a");
  EXPECT_EQ(
      normalize({{"type", "Sequence"}, {"normalizers", {{{"type", "NFD"}}, {{"type", "Lowercase"}}}}}, "É"),
      "e\u0301");
}

TEST(Normalizers, bert_cleans_spaces_ideographs_and_drops_accents) {
  const Json bert = {{"type", "BertNormalizer"}};
  EXPECT_EQ(normalize(bert, "\tHéllo\x01 wörld\u00a0\u200d!"), " hello world !");
  EXPECT_EQ(normalize(bert, "ab漢字"), "ab 漢  字 ");
  EXPECT_EQ(normalize({{"type", "BertNormalizer"}, {"lowercase", false}}, "Á漢\n"), "Á 漢  ");
  EXPECT_EQ(normalize({{"type", "BertNormalizer"}, {"lowercase", false}, {"strip_accents", true}}, "Á"), "A");
  EXPECT_EQ(normalize({{"type", "BertNormalizer"}, {"strip_accents", false}}, "Á"), "á");
  EXPECT_EQ(
      normalize({{"type", "BertNormalizer"}, {"clean_text", false}, {"handle_chinese_chars", false}}, "漢\t"),
      "漢\t");
}

TEST(Normalizers, marks_control_characters_and_bytes_change_as_documented) {
  EXPECT_EQ(normalize({{"type", "StripAccents"}}, "e\u0301é\u0903"), "eé");
  EXPECT_EQ(normalize({{"type", "Nmt"}}, "a\x01\u200b\tb\x7f\uFEFF"), "a  b ");
  EXPECT_EQ(normalize({{"type", "ByteLevel"}}, "é a"), "Ã©Ġa");
}

TEST(PreTokenizers, of_bert_scripts_delimiters_and_lengths_cut_as_documented) {
  EXPECT_EQ(cut({{"type", "BertPreTokenizer"}}, " Hey,  you?!a$"),
            (Words{"Hey", ",", "you", "?", "!", "a", "$"}));
  EXPECT_EQ(cut({{"type", "CharDelimiterSplit"}, {"delimiter", "-"}}, "a--b-"), (Words{"a", "b"}));
  EXPECT_EQ(cut({{"type", "FixedLength"}, {"length", 2}}, "aéi漢u"), (Words{"aé", "i漢", "u"}));
  EXPECT_EQ(cut({{"type", "UnicodeScripts"}}, "どこで生れ。Yes"), (Words{"どこで生れ", "。", "Yes"}));
  EXPECT_EQ(cut({{"type", "UnicodeScripts"}}, "Apples are りんご 林檎ー"),
            (Words{"Apples are ", "りんご 林檎ー"}));
}

TEST(PreTokenizers, split_keeps_matches_as_its_behavior_says) {
  EXPECT_EQ(cut(split_on("String", "-", "Removed"), "the-final--countdown"),
            (Words{"the", "final", "countdown"}));
  EXPECT_EQ(cut(split_on("String", "-", "Isolated"), "the-final--countdown"),
            (Words{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(cut(split_on("String", "-", "MergedWithPrevious"), "the-final--countdown"),
            (Words{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(cut(split_on("String", "-", "MergedWithNext"), "the-final--countdown"),
            (Words{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(cut(split_on("String", "-", "Contiguous"), "the-final--countdown"),
            (Words{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(cut(split_on("Regex", "\\p{L}+", "Removed", true), "ab, cd!"), (Words{"ab", "cd"}));
}

TEST(PreTokenizers, cut_texts_as_documented) {
  EXPECT_EQ(cut({{"type", "Digits"}, {"individual_digits", true}}, "a12b"), (Words{"a", "1", "2", "b"}));
  EXPECT_EQ(cut({{"type", "Digits"}, {"individual_digits", false}}, "a12b"), (Words{"a", "12", "b"}));
  EXPECT_EQ(cut({{"type", "Whitespace"}}, "Hey, you_2!? ok"), (Words{"Hey", ",", "you_2", "!?", "ok"}));
  EXPECT_EQ(cut({{"type", "WhitespaceSplit"}}, " Hey,  you! "), (Words{"Hey,", "you!"}));
  EXPECT_EQ(cut({{"type", "Punctuation"}}, "Hey, you!?"), (Words{"Hey", ",", " you", "!", "?"}));
  const Json metaspace = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", true}};
  EXPECT_EQ(cut(metaspace, "Hey  you"), (Words{"▁Hey", "▁", "▁you"}));
  EXPECT_EQ(cut(metaspace, "Hey you", false), (Words{"Hey", "▁you"}));
  EXPECT_EQ(cut({{"type", "Metaspace"}, {"replacement", "▁"}, {"add_prefix_space", false}}, "Hey you"),
            (Words{"Hey", "▁you"}));
  EXPECT_EQ(cut({{"type", "ByteLevel"}, {"add_prefix_space", true}}, "Hé you"), (Words{"ĠHÃ©", "Ġyou"}));
  EXPECT_EQ(cut({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}, "a b"),
            (Words{"aĠb"}));
}

TEST(TokenDecoders, join_tokens_as_documented) {
  EXPECT_EQ(decode({{"type", "ByteFallback"}}, {"a", "<0xC3>", "<0xA9>", "<0xC3>", "b"}), "a���b");
  EXPECT_EQ(decode({{"type", "ByteFallback"}}, {"a", "<0xC3>", "<0xA9>", "b", "<0xZZ>"}), "aéb<0xZZ>");
  EXPECT_EQ(decode({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}, {"  a", " b "}), " ab ");
  EXPECT_EQ(decode({{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}}, {"▁a", "▁b"}),
            "a b");
  EXPECT_EQ(decode({{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "never"}}, {"▁a", "▁b"}),
            " a b");
  EXPECT_EQ(decode({{"type", "BPEDecoder"}, {"suffix", "</w>"}}, {"a", "b</w>", "c</w>"}), "ab c");
  EXPECT_EQ(decode({{"type", "ByteLevel"}}, {"H", "Ã", "©", "Ġyou", "ではない"}), "Hé youではない");
}

TEST(TokenDecoders, of_word_pieces_and_ctc_join_as_documented) {
  EXPECT_EQ(decode({{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}},
                   {"##uelo", "##s", ",", "Ara", "##új"}),
            "##uelos, Araúj");
  EXPECT_EQ(decode({{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}}, {"a", "."}), "a .");
  const Words heard = {"<pad>", "<pad>", "h", "e", "e", "l", "l", "<pad>", "l", "o", "o", "|", "w"};
  EXPECT_EQ(decode({{"type", "CTC"}}, heard), "hello w");
}

// Every pair of kinds of characters, and all of Unicode one by one, against the pattern that gpt2_words
// writes out.
TEST(Gpt2Words, are_those_of_the_regular_expression) {
  const Regex regex(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "test");
  const std::vector<std::string> atoms = {"a",
                                          "é",
                                          "漢",
                                          "1",
                                          "٣",
                                          "½",
                                          " ",
                                          " ",
                                          "\n",
                                          "\t",
                                          "\u00a0",
                                          "\u3000",
                                          "'",
                                          "'s",
                                          "'ll",
                                          "'re",
                                          "'d",
                                          "!",
                                          "_",
                                          "🦙",
                                          "\u0301",
                                          "\u200d",
                                          std::string(1, '\0')};
  Rng rng(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (uint64_t i = rng.below(12); i > 0; --i) text += rng.pick(atoms);
    EXPECT_EQ(gpt2_words(text), regex.find_all(text)) << "text: '" << text << "'";
  }
  const Regex unassigned("\\p{Cn}", "test");
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text = "a";
    append_character(text, c);
    // Characters that Oniguruma's version of Unicode does not know yet may be letters for utf8proc.
    if (!unassigned.find_all(text).empty()) continue;
    text += "1";
    ASSERT_EQ(gpt2_words(text), regex.find_all(text)) << "U+" << std::hex << static_cast<uint32_t>(c);
  }
}

TEST(ByteAlphabet, shelter_keeps_every_byte) {
  Rng rng(4);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (uint64_t i = rng.below(12); i > 0; --i) {
      if (rng.chance(0.3))
        append_character(bytes, 0x10FF00 + static_cast<char32_t>(rng.below(256)));
      else
        bytes.push_back(static_cast<char>(rng.below(256)));
    }
    const std::string sheltered = shelter_bytes(bytes);
    EXPECT_TRUE(is_utf8(sheltered));
    std::string back;
    EXPECT_TRUE(append_spelled_bytes(spell_bytes(sheltered), back));
    EXPECT_EQ(back, bytes);
  }
}

}  // namespace
}  // namespace coppice
