// Corrupt tokenizers, by name: each is one Error that says what is wrong.

#include <functional>

#include <gmock/gmock.h>

#include "base/strings.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using test::tokenizer_of;
using testing::HasSubstr;

Json sound() {
  return {{"version", "1.0"},
          {"added_tokens", {{{"id", 0}, {"content", "<s>"}, {"special", true}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Split"}, {"pattern", {{"Regex", "a+"}}}, {"behavior", "Isolated"}, {"invert", false}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single",
             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
            {"pair", Json::array()},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {0}}, {"tokens", {"<s>"}}}}}}}},
          {"decoder", nullptr},
          {"model",
           {{"type", "BPE"}, {"vocab", {{"<s>", 0}, {"a", 1}, {"b", 2}, {"ab", 3}}}, {"merges", {"a b"}}}}};
}

struct Corruption {
  std::string name;
  std::function<void(Json&)> apply;
  std::string message;  // part of the Error
};

std::ostream& operator<<(std::ostream& out, const Corruption& corruption) {
  return out << corruption.name;
}

class CorruptTokenizer : public testing::TestWithParam<Corruption> {};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_P(CorruptTokenizer, is_an_error) {
  Json file = sound();
  GetParam().apply(file);
  EXPECT_THAT(message_of([&] { tokenizer_of(file); }), HasSubstr(GetParam().message));
}

Json nested(int depth) {
  Json json = {{"type", "NFC"}};
  for (int i = 0; i < depth; ++i)
    json = {{"type", "Sequence"}, {"normalizers", Json::array({std::move(json)})}};
  return json;
}

INSTANTIATE_TEST_SUITE_P(
    Named, CorruptTokenizer,
    testing::Values(
        Corruption{"no_model", [](Json& f) { f.erase("model"); }, "no model"},
        Corruption{"no_vocabulary", [](Json& f) { f["model"].erase("vocab"); }, "no vocabulary"},
        Corruption{"vocabulary_is_a_list",
                   [](Json& f) {
                     f["model"]["vocab"] = {"a", "b"};
                   },
                   "no vocabulary"},
        Corruption{"empty_vocabulary", [](Json& f) { f["model"]["vocab"] = Json::object(); },
                   "empty vocabulary"},
        Corruption{"duplicate_ids", [](Json& f) { f["model"]["vocab"]["b"] = 1; }, "both have id 1"},
        Corruption{"negative_id", [](Json& f) { f["model"]["vocab"]["b"] = -1; }, "id -1"},
        Corruption{"huge_id", [](Json& f) { f["model"]["vocab"]["b"] = 1 << 30; }, "id 1073741824"},
        Corruption{"id_beyond_64_bits", [](Json& f) { f["model"]["vocab"]["b"] = UINT64_MAX; }, "token 'b'"},
        Corruption{"id_is_text", [](Json& f) { f["model"]["vocab"]["b"] = "2"; }, "no whole number"},
        Corruption{"id_is_a_fraction", [](Json& f) { f["model"]["vocab"]["b"] = 2.5; }, "no whole number"},
        Corruption{"no_merges", [](Json& f) { f["model"].erase("merges"); }, "merges"},
        Corruption{"merge_of_unknown_token", [](Json& f) { f["model"]["merges"] = {"a c"}; }, "'c' is none"},
        Corruption{"merge_into_unknown_token", [](Json& f) { f["model"]["merges"] = {"b a"}; },
                   "'ba' is none"},
        Corruption{"merge_of_three", [](Json& f) { f["model"]["merges"] = {"a b a"}; }, "two tokens"},
        Corruption{"merge_is_a_number", [](Json& f) { f["model"]["merges"] = Json::array({3}); },
                   "two tokens"},
        Corruption{"merges_are_an_object", [](Json& f) { f["model"]["merges"] = Json::object(); }, "a list"},
        Corruption{"unknown_model_type", [](Json& f) { f["model"]["type"] = "Markov"; },
                   "unknown subword model 'Markov'"},
        Corruption{"unknown_model_option", [](Json& f) { f["model"]["fuse_unks"] = true; }, "fuse_unk"},
        Corruption{"unknown_unk_token", [](Json& f) { f["model"]["unk_token"] = "<unk>"; }, "unk_token"},
        Corruption{"dropout", [](Json& f) { f["model"]["dropout"] = 0.1; }, "dropout"},
        Corruption{"unknown_normalizer",
                   [](Json& f) {
                     f["normalizer"] = {{"type", "NFKX"}};
                   },
                   "unknown normalizer 'NFKX'"},
        Corruption{"normalizer_without_type", [](Json& f) { f["normalizer"] = Json::object(); }, "'type'"},
        Corruption{"unknown_pre_tokenizer",
                   [](Json& f) {
                     f["pre_tokenizer"] = {{"type", "Magic"}};
                   },
                   "unknown pre-tokenizer"},
        Corruption{"unknown_decoder",
                   [](Json& f) {
                     f["decoder"] = {{"type", "Magic"}};
                   },
                   "unknown decoder"},
        Corruption{"unknown_post_processor",
                   [](Json& f) {
                     f["post_processor"] = {{"type", "Magic"}};
                   },
                   "unknown post-processor"},
        Corruption{"nesting_bomb", [](Json& f) { f["normalizer"] = nested(100); }, "nested too deeply"},
        Corruption{"bad_regex", [](Json& f) { f["pre_tokenizer"]["pattern"]["Regex"] = "(a"; },
                   "regular expression '(a'"},
        Corruption{"huge_regex",
                   [](Json& f) { f["pre_tokenizer"]["pattern"]["Regex"] = std::string(100000, 'a'); },
                   "at most"},
        Corruption{"no_pattern", [](Json& f) { f["pre_tokenizer"]["pattern"] = Json::object(); },
                   "no pattern"},
        Corruption{"unknown_split_behavior", [](Json& f) { f["pre_tokenizer"]["behavior"] = "Isolate"; },
                   "Isolated"},
        Corruption{"template_of_unknown_special_token",
                   [](Json& f) { f["post_processor"]["special_tokens"] = Json::object(); },
                   "special token '<s>'"},
        Corruption{"template_of_unknown_id",
                   [](Json& f) { f["post_processor"]["special_tokens"]["<s>"]["ids"] = {99}; },
                   "token id 99"},
        Corruption{"template_without_text", [](Json& f) { f["post_processor"]["single"] = Json::array(); },
                   "Sequence A once"},
        Corruption{"added_token_with_another_tokens_id", [](Json& f) { f["added_tokens"][0]["id"] = 1; },
                   "id"},
        Corruption{"added_token_with_negative_id", [](Json& f) { f["added_tokens"][0]["id"] = -1; },
                   "at least 0"},
        Corruption{"added_token_twice", [](Json& f) { f["added_tokens"].push_back(f["added_tokens"][0]); },
                   "twice"},
        Corruption{"added_token_without_content", [](Json& f) { f["added_tokens"][0].erase("content"); },
                   "content"},
        Corruption{"padding_of_negative_length",
                   [](Json& f) {
                     f["padding"] = {{"strategy", {{"Fixed", -1}}}};
                   },
                   "padding.strategy.Fixed"},
        Corruption{"unknown_padding_strategy",
                   [](Json& f) {
                     f["padding"] = {{"strategy", "Longest"}};
                   },
                   "BatchLongest"},
        Corruption{"unknown_truncation_strategy",
                   [](Json& f) {
                     f["truncation"] = {{"max_length", 4}, {"strategy", "Longest"}};
                   },
                   "truncation.strategy"},
        Corruption{"template_of_a_third_text",
                   [](Json& f) { f["post_processor"]["single"][1]["Sequence"]["id"] = "C"; }, "sequence 'C'"},
        Corruption{"template_for_pairs_without_second_text",
                   [](Json& f) { f["post_processor"]["pair"] = f["post_processor"]["single"]; },
                   "Sequence B once"},
        Corruption{"two_processors_that_add",
                   [](Json& f) {
                     const Json one = f["post_processor"];
                     f["post_processor"] = {{"type", "Sequence"}, {"processors", Json::array({one, one})}};
                   },
                   "two processors"},
        Corruption{"word_piece_without_unknown_token",
                   [](Json& f) {
                     f["model"] = {{"type", "WordPiece"}, {"vocab", {{"<s>", 0}}}};
                   },
                   "'[UNK]'"},
        Corruption{"word_level_without_vocabulary",
                   [](Json& f) {
                     f["model"] = {{"type", "WordLevel"}};
                   },
                   "no vocabulary"},
        Corruption{"delimiter_of_two_characters",
                   [](Json& f) {
                     f["pre_tokenizer"] = {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}};
                   },
                   "one character"},
        Corruption{"unknown_part", [](Json& f) { f["decoders"] = nullptr; }, "did you mean 'decoder'"},
        Corruption{"not_an_object", [](Json& f) { f = Json::array(); }, "an object"}),
    [](const auto& tested) { return tested.param.name; });

TEST(CorruptTokenizers, the_sound_one_is_none) {
  EXPECT_EQ(tokenizer_of(sound())->encode("ba"), (std::vector<TokenId>{0, 2, 1}));
}

TEST(CorruptTokenizers, ids_may_have_gaps_but_a_gap_is_no_token) {
  Json file = sound();
  file["model"]["vocab"]["c"] = 9;
  const auto tokenizer = tokenizer_of(file);
  EXPECT_EQ(tokenizer->vocabulary(), 10);
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{9}), "c");
  for (const TokenId id : {-1, 5, 10, 1 << 30})
    EXPECT_THROW(tokenizer->decode(std::vector<TokenId>{id}), Error) << id;
}

TEST(CorruptTokenizers, truncated_json_is_an_error_wherever_it_ends) {
  const std::string text = to_line(sound());
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_THROW(read_pipeline_tokenizer(text.substr(0, size), "tokenizer.json"), Error) << size;
}

TEST(CorruptTokenizers, a_token_that_occurs_twice_is_an_error) {
  std::string text = to_line(sound());
  text.replace(text.find("\"ab\":3"), 6, "\"a\":3");
  EXPECT_THAT(message_of([&] { read_pipeline_tokenizer(text, "tokenizer.json"); }),
              HasSubstr("occurs twice"));
}

TEST(CorruptTokenizers, a_catastrophic_regex_is_an_error_and_no_hang) {
  Json file = sound();
  file["pre_tokenizer"]["pattern"]["Regex"] = "(a|aa)+$";
  const auto tokenizer = tokenizer_of(file);
  EXPECT_THAT(message_of([&] { tokenizer->encode(std::string(5000, 'a') + "b"); }),
              HasSubstr("backtracks too much"));
}

TEST(CorruptTokenizers, a_folder_without_tokenizer_is_an_error) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(message_of([&] { load_tokenizer(folder.path()); }),
              HasSubstr("tokenizer.json, tokenizer.model"));
  EXPECT_THAT(message_of([&] { load_tokenizer(folder / "missing"); }), HasSubstr("no such directory"));
}

TEST(CorruptTokenizers, garbage_and_truncated_sentencepiece_models_are_errors) {
  const test::TemporaryFolder folder;
  for (const std::string& garbage :
       {std::string(), std::string("garbage"), std::string(1000, '\0'), std::string(1000, '\xFF')}) {
    write_file(folder / "tokenizer.model", garbage);
    EXPECT_THROW(load_tokenizer(folder.path()), Error);
  }
  COPPICE_NEEDS_DATA("tokenizers");
  const std::string whole = read_file(test::data_folder() / "tokenizers" / "llama2" / "tokenizer.model");
  for (const size_t size : {size_t{1}, size_t{100}, whole.size() / 3, whole.size() - 1}) {
    write_file(folder / "tokenizer.model", std::string_view(whole).substr(0, size));
    EXPECT_THROW(load_tokenizer(folder.path()), Error) << size;
  }
}

}  // namespace
}  // namespace coppice
