// Real tokenizers against the ids that other programs gave.

#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "support.h"
#include "text/tokenizer.h"
#include "tokenizer_support.h"

namespace coppice {
namespace {

using test::data_folder;
using Ids = std::vector<TokenId>;

struct Case {
  std::string text;
  Ids ids;
};

// The strings of NAME.gguf.inp with the ids of NAME.gguf.out (their formats: README.md beside them).
std::vector<Case> read_cases(const std::string& name) {
  const auto folder = data_folder() / "llamacpp-vocabs";
  const std::string texts = read_file(folder / (name + ".gguf.inp")), separator = "\n__ggml_vocab_test__\n";
  std::istringstream ids(read_file(folder / (name + ".gguf.out")));
  std::vector<Case> cases;
  for (size_t begin = 0; begin < texts.size();) {
    const size_t end = std::min(texts.find(separator, begin), texts.size());
    std::string line;
    std::getline(ids, line);
    std::istringstream numbers(line);
    Case& next = cases.emplace_back();
    next.text = texts.substr(begin, end - begin);
    for (TokenId id; numbers >> id;) next.ids.push_back(id);
    begin = end + separator.size();
  }
  return cases;
}

void expect_cases(const Tokenizer& tokenizer, const std::string& name) {
  const auto cases = read_cases(name);
  EXPECT_GE(cases.size(), 46u);
  for (const auto& [text, ids] : cases)
    EXPECT_EQ(tokenizer.encode(text, false), ids) << "text: '" << text << "'";
}

TEST(RealTokenizers, stories260k_gives_the_reference_ids) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const auto tokenizer = load_tokenizer(data_folder() / "stories260k-hf");
  const Json expected = read_json_file(data_folder() / "stories260k-hf" / "expected.json");
  EXPECT_EQ(tokenizer->encode(expected["prompt"].get<std::string>()), expected["prompt_ids"].get<Ids>());
  const auto text = expected["nll_text"].get<std::string>();
  EXPECT_EQ(tokenizer->encode(text), expected["nll_text_ids"].get<Ids>());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  EXPECT_EQ(tokenizer->leading_token(), 1);
  EXPECT_EQ(tokenizer->vocabulary(), 512);
}

TEST(RealTokenizers, llama2_sentencepiece_gives_the_ids_of_llama_cpp) {
  COPPICE_NEEDS_DATA("llamacpp-vocabs");
  COPPICE_NEEDS_DATA("tokenizers");
  const auto tokenizer = load_tokenizer(data_folder() / "tokenizers" / "llama2");
  expect_cases(*tokenizer, "ggml-vocab-llama-spm");
  EXPECT_EQ(tokenizer->leading_token(), 1);
  EXPECT_EQ(tokenizer->vocabulary(), 32000);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("Hello wörld 🦙\n  two")), "Hello wörld 🦙\n  two");
}

TEST(RealTokenizers, gpt2_gives_the_ids_of_llama_cpp) {
  COPPICE_NEEDS_DATA("llamacpp-vocabs");
  COPPICE_NEEDS_DATA("tokenizers");
  const auto tokenizer = test::gpt2_tokenizer();
  expect_cases(*tokenizer, "ggml-vocab-gpt-2");
  EXPECT_EQ(tokenizer->leading_token(), std::nullopt);
  EXPECT_EQ(tokenizer->vocabulary(), 50257);
  for (const auto& [text, ids] : read_cases("ggml-vocab-gpt-2")) EXPECT_EQ(tokenizer->decode(ids), text);
}

TEST(RealTokenizers, gpt2_s_vocabulary_files_give_the_same) {
  COPPICE_NEEDS_DATA("llamacpp-vocabs");
  COPPICE_NEEDS_DATA("tokenizers");
  const auto tokenizer = load_tokenizer(data_folder() / "tokenizers" / "gpt2");
  expect_cases(*tokenizer, "ggml-vocab-gpt-2");
  EXPECT_EQ(tokenizer->encode("<|endoftext|>"), Ids{50256});
}

TEST(RealTokenizers, bert_s_vocabulary_file_gives_the_ids_of_llama_cpp) {
  COPPICE_NEEDS_DATA("llamacpp-vocabs");
  COPPICE_NEEDS_DATA("tokenizers");
  const auto tokenizer = load_tokenizer(data_folder() / "tokenizers" / "bert-base-uncased");
  expect_cases(*tokenizer, "ggml-vocab-bert-bge");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("Hello, World! I'm")), "hello, world! i ' m");
  EXPECT_EQ(tokenizer->leading_token(), 101);
}

TEST(RealTokenizers, special_tokens_inside_a_text_are_recognised) {
  COPPICE_NEEDS_DATA("tokenizers");
  const auto llama = load_tokenizer(data_folder() / "tokenizers" / "llama2");
  const Ids ids = llama->encode("Hi</s><s>Hi");
  const Ids hi = llama->encode("Hi", false);
  Ids expected = {1};
  expected.insert(expected.end(), hi.begin(), hi.end());
  expected.insert(expected.end(), {2, 1});
  expected.insert(expected.end(), hi.begin(), hi.end());
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(llama->decode(ids), "Hi Hi");
  EXPECT_EQ(llama->decode(ids, false), "<s> Hi</s><s> Hi");
  const auto gpt2 = test::gpt2_tokenizer();
  EXPECT_EQ(gpt2->encode("<|endoftext|>"), Ids{50256});
}

TEST(RealTokenizers, a_sentencepiece_normalization_table_is_used) {
  COPPICE_NEEDS_DATA("tokenizers");
  const auto tokenizer = load_tokenizer(data_folder() / "tokenizers" / "t5");
  EXPECT_EQ(tokenizer->encode("ﬁne Ａ"), tokenizer->encode("fine A"));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a fine test")), "a fine test");
  EXPECT_EQ(tokenizer->vocabulary(), 32100);
  EXPECT_EQ(tokenizer->encode("<extra_id_0>"), (Ids{32099, 1}));
}

}  // namespace
}  // namespace coppice
