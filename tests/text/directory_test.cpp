// Model directories without a tokenizer.json.

#include <gmock/gmock.h>

#include "base/strings.h"
#include "sentencepiece_models.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;

std::unique_ptr<Tokenizer> load_with(const std::vector<std::pair<std::string, std::string>>& files) {
  const test::TemporaryFolder folder;
  for (const auto& [name, content] : files) write_file(folder / name, content);
  return load_tokenizer(folder.path());
}

std::string config(const char* kind, Json more = Json::object()) {
  more["tokenizer_class"] = kind;
  return to_line(more);
}

const std::string bert_vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhel\n##lo\nHel\n";
const std::string byte_vocabulary =
    R"({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "<s>": 4, "</s>": 5, "<|endoftext|>": 6})";

TEST(Directories, of_bert_follow_do_lower_case) {
  const auto uncased = load_with({{"vocab.txt", bert_vocabulary}});
  EXPECT_EQ(uncased->encode("Hello hel[MASK]"), (Ids{2, 5, 6, 5, 4, 3}));
  EXPECT_EQ(uncased->decode(uncased->encode("Hello hel")), "hello hel");
  EXPECT_EQ(uncased->encode_full("hel", "hel").types, (std::vector<int32_t>{0, 0, 0, 1, 1}));
  const auto cased =
      load_with({{"vocab.txt", bert_vocabulary},
                 {"tokenizer_config.json", config("BertTokenizerFast", {{"do_lower_case", false}})}});
  EXPECT_EQ(cased->encode("Hello"), (Ids{2, 7, 6, 3}));
}

TEST(Directories, of_gpt2_and_its_kin_follow_their_class) {
  const std::string merges = "#version: 0.2\na b\n";
  const auto gpt2 = load_with({{"vocab.json", byte_vocabulary}, {"merges.txt", merges}});
  EXPECT_EQ(gpt2->encode("ab a<|endoftext|>"), (Ids{2, 3, 0, 6}));
  const auto roberta = load_with({{"vocab.json", byte_vocabulary},
                                  {"merges.txt", merges},
                                  {"tokenizer_config.json", config("RobertaTokenizer")}});
  EXPECT_EQ(roberta->encode("ab"), (Ids{4, 2, 5}));
  EXPECT_EQ(roberta->encode_full("a", "b").ids, (Ids{4, 0, 5, 5, 1, 5}));
  const auto opt =
      load_with({{"vocab.json", byte_vocabulary},
                 {"merges.txt", merges},
                 {"added_tokens.json", R"({"<new>": 9})"},
                 {"tokenizer_config.json",
                  config("GPT2Tokenizer", {{"add_bos_token", true}, {"bos_token", {{"content", "</s>"}}}})}});
  EXPECT_EQ(opt->encode("ab<new>"), (Ids{5, 2, 9}));
  EXPECT_EQ(opt->decode(Ids{5, 2, 9}), "ab<new>");
}

TEST(Directories, of_sentencepiece_models_follow_their_class) {
  const test::ModelRecipe recipe = {.pieces = {{"<unk>", 0, PieceKind::unknown},
                                               {"<s>", 0, PieceKind::control},
                                               {"</s>", 0, PieceKind::control},
                                               {"▁", -1},
                                               {"a", -1},
                                               {"▁a", -1.5}}};
  const std::string model = test::model_bytes(recipe);
  EXPECT_EQ(load_with({{"tokenizer.model", model}})->encode("a a"), (Ids{1, 5, 5}));
  const auto t5 = load_with({{"spiece.model", model}});
  EXPECT_EQ(t5->encode("a<extra_id_0>"), (Ids{5, 105, 2}));
  EXPECT_EQ(t5->vocabulary(), 106);
  const auto xlm = load_with({{"sentencepiece.bpe.model", model}});
  EXPECT_EQ(xlm->encode("a a"), (Ids{0, 6, 6, 2}));
  EXPECT_EQ(xlm->encode_full("a", "a").ids, (Ids{0, 6, 2, 2, 6, 2}));
  EXPECT_EQ(xlm->find("<pad>"), 1);
  EXPECT_EQ(xlm->find("<unk>"), 3);
  EXPECT_EQ(xlm->find("<mask>"), 7);
  EXPECT_EQ(xlm->decode(xlm->encode("a a")), "a a");
  const auto added = load_with({{"tokenizer.model", model}, {"added_tokens.json", R"({"<x>": 6})"}});
  EXPECT_EQ(added->encode("a<x>a"), (Ids{1, 5, 6, 5}));
  const Encoding traced = added->encode_full(" a<x>a");
  EXPECT_EQ(traced.ids, added->encode(" a<x>a"));
  EXPECT_EQ(traced.offsets, (std::vector<TextRange>{{0, 0}, {1, 2}, {2, 5}, {5, 6}}));
}

TEST(Directories, that_are_corrupt_are_errors) {
  const auto message = [](const std::vector<std::pair<std::string, std::string>>& files) {
    return test::error_of([&] { load_with(files); });
  };
  EXPECT_THAT(message({{"vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[UNK]\n"}}), HasSubstr("occurs twice"));
  EXPECT_THAT(message({{"vocab.txt", ""}}), HasSubstr("empty vocabulary"));
  EXPECT_THAT(message({{"vocab.txt", "a\xFF\n"}}), HasSubstr("not UTF-8"));
  EXPECT_THAT(message({{"vocab.txt", "[UNK]\n"}}), HasSubstr("[CLS]"));
  EXPECT_THAT(message({{"vocab.txt", bert_vocabulary}, {"tokenizer_config.json", config("BartTokenizer")}}),
              HasSubstr("BertTokenizer"));
  EXPECT_THAT(message({{"vocab.txt", bert_vocabulary}, {"tokenizer_config.json", "[]"}}),
              HasSubstr("an object"));
  EXPECT_THAT(message({{"vocab.txt", bert_vocabulary},
                       {"tokenizer_config.json", config("BertTokenizer", {{"do_lower_case", "yes"}})}}),
              HasSubstr("do_lower_case"));
  EXPECT_THAT(message({{"vocab.json", byte_vocabulary}, {"merges.txt", "a b c\n"}}),
              HasSubstr("merges.txt:1"));
  EXPECT_THAT(message({{"vocab.json", byte_vocabulary}, {"merges.txt", "b a\n"}}), HasSubstr("'ba' is none"));
  EXPECT_THAT(message({{"vocab.json", R"({"a": "0"})"}, {"merges.txt", ""}}), HasSubstr("no whole number"));
  EXPECT_THAT(message({{"vocab.json", byte_vocabulary},
                       {"merges.txt", ""},
                       {"tokenizer_config.json",
                        config("GPT2Tokenizer", {{"added_tokens_decoder", {{"x", Json::object()}}}})}}),
              HasSubstr("a token's id"));
  const std::string model = test::model_bytes({.pieces = {{"<unk>", 0, PieceKind::unknown}, {"a", -1}}});
  EXPECT_THAT(message({{"tokenizer.model", model}, {"added_tokens.json", R"({"<x>": 7})"}}),
              HasSubstr("next free"));
  EXPECT_THAT(message({{"tokenizer.model", model}, {"added_tokens.json", R"({"a": 7})"}}),
              HasSubstr("has id 7"));
  EXPECT_THAT(message({{"spiece.model", model},
                       {"tokenizer_config.json", config("T5Tokenizer", {{"extra_ids", -1}})}}),
              HasSubstr("extra_ids"));
}

}  // namespace
}  // namespace coppice
