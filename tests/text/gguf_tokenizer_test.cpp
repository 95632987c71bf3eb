// Tokenizers inside GGUF files: llama.cpp's own vocabularies against the ids that it gives, and ours written
// and read again.

#include "text/gguf/gguf_tokenizer.h"

#include <sstream>

#include <gmock/gmock.h>

#include "base/strings.h"
#include "support.h"
#include "text/gguf/word_cuts.h"
#include "text/pretokenize/pre_tokenizer.h"
#include "text/tokenizer_support.h"
#include "text/train_bpe.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::HasSubstr;

class LlamaCppVocabulary : public testing::TestWithParam<const char*> {};

// NAME.gguf.inp: texts between separator lines; NAME.gguf.out: their ids, no special tokens added.
TEST_P(LlamaCppVocabulary, GivesItsIds) {
  COPPICE_NEEDS_DATA("llamacpp-vocabs");
  const fs::path path = test::data_folder() / fmt::format("llamacpp-vocabs/ggml-vocab-{}.gguf", GetParam());
  const auto tokenizer = load_tokenizer(path);
  const std::string separator = "\n__ggml_vocab_test__\n", input = read_file(path.string() + ".inp");
  std::istringstream expected(read_file(path.string() + ".out"));
  int texts = 0;
  for (size_t at = 0; at < input.size(); ++texts) {
    const size_t end = std::min(input.find(separator, at), input.size());
    const std::string text = input.substr(at, end - at);
    at = end + separator.size();
    std::string line;
    ASSERT_TRUE(std::getline(expected, line));
    std::istringstream numbers(line);
    const std::vector<TokenId> ids{std::istream_iterator<TokenId>(numbers), {}};
    EXPECT_EQ(tokenizer->encode(text, false), ids) << "'" << text << "'";
  }
  EXPECT_GT(texts, 40);
}

INSTANTIATE_TEST_SUITE_P(Gguf, LlamaCppVocabulary,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "falcon", "starcoder", "bert-bge"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::erase(name, '-');
                           return name;
                         });

// The words that a cut makes of a text, spelled in its alphabet.
std::vector<std::string> words_of(const std::string& name, const std::string& text) {
  const auto cut = make_component(pre_tokenizers(), word_cut(name, "file").pre_tokenizer, name);
  std::vector<Piece> pieces;
  cut->cut(Piece{text, true, {}}, pieces);
  std::vector<std::string> words;
  for (const auto& piece : pieces) words.push_back(piece.text);
  return words;
}

TEST(GgufTokenizer, WordsAreCutAsTheNameSays) {
  using testing::ElementsAre;
  const std::string text = "ab1234 cd=||!\n";
  EXPECT_THAT(words_of("gpt-2", text), ElementsAre("ab", "1234", "Ġcd", "=||!", "Ċ"));
  EXPECT_THAT(words_of("llama-bpe", text), ElementsAre("ab", "123", "4", "Ġcd", "=||!Ċ"));
  EXPECT_THAT(words_of("qwen2", text), ElementsAre("ab", "1", "2", "3", "4", "Ġcd", "=||!Ċ"));
  EXPECT_THAT(words_of("deepseek-v3", text), ElementsAre("ab", "123", "4", "Ġcd", "=||!Ċ"));
  EXPECT_THAT(words_of("deepseek-llm", text), ElementsAre("ab", "1", "2", "3", "4", "Ġcd", "=||!", "Ċ"));
  EXPECT_THAT(words_of("deepseek-coder", text),
              ElementsAre("ab", "1", "2", "3", "4", "Ġcd", "=||", "!", "Ċ"));
  EXPECT_THAT(words_of("default", text), ElementsAre("ab", "123", "4", "Ġcd", "=||!", "Ċ"));
  EXPECT_THAT(words_of("deepseek-v3", "x!y字かé"), ElementsAre("x", "!y", "åŃĹãģĭ", "Ã©"));
}

TEST(GgufTokenizer, CutsAreFoundByTheirDescription) {
  for (const char* name : {"gpt-2", "llama-bpe", "dbrx", "qwen2", "starcoder", "falcon", "deepseek-v3",
                           "deepseek-llm", "deepseek-coder"}) {
    const WordCut& cut = word_cut(name, "file");
    EXPECT_EQ(find_word_cut(cut.normalizer, cut.pre_tokenizer, cut.ignore_merges), &cut) << name;
  }
  const WordCut& deepseek = word_cut("deepseek-v3", "file");
  const Json nothing = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  EXPECT_EQ(find_word_cut(nothing, deepseek.pre_tokenizer, false), &deepseek);
}

TEST(GgufTokenizer, OtherModelsAreRefused) {
  GgufMetadata metadata("file");
  metadata.add("tokenizer.ggml.model", std::string("rwkv"));
  EXPECT_THAT(error_of([&] { read_gguf_tokenizer(metadata); }),
              HasSubstr("tokenizer model 'rwkv', expected llama, gpt2, bert or t5"));
}

// Text of many kinds.
std::string varied_text() {
  return "Once upon a time, there was a l\xC3\xB6wenzahn.  Two  spaces, 12345 numbers; tabs\tand\n\nlines \n "
         "x.\n"
         "\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\xA6\x99 <s> </s> <unk> don't WE'LL \xD0\x9F\xD1\x80\xD0\xB8 "
         "e\xCC\x81";
}

// Both encode alike, with and without special tokens, and decode alike.
void expect_same(const Tokenizer& a, const Tokenizer& b, const std::string& text) {
  for (const bool special : {false, true}) EXPECT_EQ(a.encode(text, special), b.encode(text, special));
  const auto ids = a.encode(text, true);
  EXPECT_EQ(a.decode(ids), b.decode(ids));
  for (const TokenId id : ids) {
    EXPECT_EQ(a.token(id), b.token(id));
    EXPECT_EQ(a.is_special(id), b.is_special(id)) << a.token(id);
  }
}

GgufMetadata exported(const fs::path& directory, GgufTokenizerFacts facts) {
  GgufMetadata metadata("file.gguf");
  add_gguf_tokenizer(directory, facts, metadata);
  return metadata;
}

TEST(GgufTokenizer, SentencePieceModelComesBack) {
  COPPICE_NEEDS_DATA("tokenizers");
  const test::TemporaryFolder folder;
  fs::copy(test::data_folder() / "tokenizers/llama2/tokenizer.model", folder / "tokenizer.model");
  const auto original = load_tokenizer(folder.path());
  const auto metadata = exported(folder.path(), {.vocabulary = 32002, .bos_id = 1, .eos_ids = {2}});
  const auto back = read_gguf_tokenizer(metadata);
  EXPECT_EQ(metadata.required_text("tokenizer.ggml.model"), "llama");
  EXPECT_EQ(metadata.flag("tokenizer.ggml.add_bos_token"), true);
  EXPECT_EQ(back->vocabulary(), 32002);
  EXPECT_EQ(back->token(32001), "[PAD32001]");
  std::istringstream lines(varied_text());
  for (std::string line; std::getline(lines, line);) expect_same(*original, *back, line);
}

// A tokenizer.json of byte-fallback BPE has no scores; they are found from its merges.
TEST(GgufTokenizer, ByteFallbackBpeBecomesSentencePiece) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const auto folder = test::data_folder() / "stories260k-hf";
  const auto original = load_tokenizer(folder);
  const auto back = read_gguf_tokenizer(exported(folder, {.vocabulary = 512, .bos_id = 1, .eos_ids = {2}}));
  std::string text = varied_text();
  if (const auto stories = test::data_folder() / "tinystories-sample/stories.txt"; fs::exists(stories))
    text = read_file(stories).substr(0, 100'000) + text;
  for (const bool special : {false, true})
    EXPECT_EQ(original->encode(text, special), back->encode(text, special));
}

TEST(GgufTokenizer, ByteLevelBpeComesBack) {
  const test::TemporaryFolder folder;
  write_file(folder / "text.txt", varied_text() + varied_text() + " the then there these the the then");
  const BpeTraining training{.vocabulary = 300, .special_tokens = {"<unk>", "<s>", "</s>"}, .add_bos = true};
  write_tokenizer(train_bpe({folder / "text.txt"}, training), training, folder.path());
  const auto original = load_tokenizer(folder.path());
  const auto metadata =
      exported(folder.path(), {.vocabulary = original->vocabulary(), .bos_id = 1, .eos_ids = {2}});
  EXPECT_EQ(metadata.required_text("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(metadata.required_text("tokenizer.ggml.pre"), "gpt-2");
  expect_same(*original, *read_gguf_tokenizer(metadata), varied_text());
}

// BERT's vocab.txt and T5's spiece.model.
TEST(GgufTokenizer, WordPieceAndUnigramComeBack) {
  COPPICE_NEEDS_DATA("tokenizers");
  COPPICE_NEEDS_DATA("multilingual-text");
  std::string text = varied_text();
  for (const auto& entry : fs::directory_iterator(test::data_folder() / "multilingual-text/udhr"))
    text += read_file(entry.path()).substr(0, 2000);
  for (const auto& [name, model] : {std::pair("bert-base-uncased", "bert"), {"t5", "t5"}}) {
    const fs::path folder = test::data_folder() / "tokenizers" / name;
    const auto original = load_tokenizer(folder);
    const auto metadata = exported(folder, {.vocabulary = original->vocabulary() + 28});
    EXPECT_EQ(metadata.required_text("tokenizer.ggml.model"), model);
    const auto back = read_gguf_tokenizer(metadata);
    size_t lines = 0;
    for (const auto& line : split(text, '\n')) {
      const auto ids = original->encode(line);
      ASSERT_EQ(back->encode(line), ids) << line;
      EXPECT_EQ(back->decode(ids), original->decode(ids)) << line;
      ++lines;
    }
    EXPECT_GT(lines, 100);
  }
}

TEST(GgufTokenizer, BertIsSpelledAsLlamaCppHasIt) {
  const test::TemporaryFolder folder;
  write_file(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##seen\nÉ\n##s\n");
  write_file(folder / "tokenizer_config.json",
             R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false})");
  const GgufMetadata metadata = exported(folder.path(), {.vocabulary = 10, .token_types = 2});
  EXPECT_EQ(*metadata.texts("tokenizer.ggml.tokens"),
            (std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁un", "seen", "▁É", "s",
                                      "[PAD9]"}));
  EXPECT_EQ(metadata.flag("tokenizer.ggml.normalizer.lowercase"), false);
  EXPECT_EQ(metadata.flag("tokenizer.ggml.normalizer.strip_accents"), false);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.token_type_count"), 2);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.cls_token_id"), 2);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.seperator_token_id"), 3);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.unknown_token_id"), 1);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.mask_token_id"), 4);
  const auto back = read_gguf_tokenizer(metadata);
  EXPECT_EQ(back->encode("unseens É é"), (std::vector<TokenId>{2, 5, 6, 8, 7, 1, 3}));
  EXPECT_EQ(back->decode(std::vector<TokenId>{5, 6, 8, 7}), "unseens É");
  write_file(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n##▁a\na\n");
  EXPECT_THAT(error_of([&] { exported(folder.path(), {.vocabulary = 7}); }),
              HasSubstr("tokens '##▁a' and 'a'"));
}

Json small_bpe(const Json& pre_tokenizer, Json changes = Json::object()) {
  Json file = {{"pre_tokenizer", pre_tokenizer},
               {"decoder", {{"type", "ByteLevel"}}},
               {"model",
                {{"type", "BPE"},
                 {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}},
                 {"merges", {"a b"}},
                 {"ignore_merges", false}}}};
  file.merge_patch(changes);
  return file;
}

// Reads what `file` becomes as a tokenizer.json of a model with three tokens.
GgufMetadata exported_json(const Json& file, GgufTokenizerFacts facts = {.vocabulary = 3}) {
  const test::TemporaryFolder folder;
  write_file(folder / "tokenizer.json", to_line(file));
  return exported(folder.path(), facts);
}

TEST(GgufTokenizer, WhatGgufCannotSayIsRefused) {
  const Json gpt2 = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  EXPECT_NO_THROW(exported_json(small_bpe(gpt2)));
  const Json cut = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
  EXPECT_THAT(error_of([&] { exported_json(small_bpe(cut)); }),
              HasSubstr("a cut into words that is none of GGUF's"));
  EXPECT_THAT(error_of([&] {
                exported_json(small_bpe(gpt2, {{"normalizer", {{"type", "NFC"}}}}));
              }),
              HasSubstr("none of GGUF's"));
  EXPECT_THAT(error_of([&] { exported_json(small_bpe(gpt2), {.vocabulary = 2}); }),
              HasSubstr("3 tokens, expected at most the model's vocabulary of 2"));
  const Json unigram = {
      {"model", {{"type", "Unigram"}, {"vocab", Json::array({Json::array({"a", -1.0})})}, {"unk_id", 0}}}};
  EXPECT_THAT(error_of([&] { exported_json(unigram); }), HasSubstr("GGUF has no name for this tokenizer"));
  const Json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}};
  Json pieces = unigram;
  pieces["pre_tokenizer"] = metaspace;
  EXPECT_EQ(exported_json(pieces).required_text("tokenizer.ggml.model"), "t5");
  // Cut at any white space, which no map of characters has made a space of.
  pieces["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers", Json::array({Json{{"type", "WhitespaceSplit"}}, metaspace})}};
  EXPECT_THAT(error_of([&] { exported_json(pieces); }), HasSubstr("other parts than SentencePiece's"));
  pieces["pre_tokenizer"] = metaspace;
  pieces["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_THAT(error_of([&] { exported_json(pieces); }), HasSubstr("other parts than SentencePiece's"));
  pieces.erase("normalizer");
  pieces["model"]["unk_id"] = nullptr;
  EXPECT_THAT(error_of([&] { exported_json(pieces); }), HasSubstr("no unknown token"));
  const Json words = {{"normalizer", {{"type", "Lowercase"}}},
                      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                      {"model", {{"type", "WordPiece"}, {"unk_token", "a"}, {"vocab", {{"a", 0}}}}}};
  EXPECT_THAT(error_of([&] { exported_json(words); }), HasSubstr("other parts than BERT's"));

  // Byte fallback with merges that no scores give: b + c would be another cut of "abc".
  Json fallback = {
      {"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}},
      {"model",
       {{"type", "BPE"},
        {"byte_fallback", true},
        {"unk_token", "<unk>"},
        {"vocab", {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"ab", 4}, {"bc", 5}, {"abc", 6}}},
        {"merges", {"a b", "b c", "ab c", "a bc"}}}}};
  EXPECT_EQ(exported_json(fallback, {.vocabulary = 7}).flag("tokenizer.ggml.add_space_prefix"), false);
  fallback["model"]["merges"] = {"a b", "b c", "ab c"};
  EXPECT_THAT(error_of([&] { exported_json(fallback, {.vocabulary = 7}); }),
              HasSubstr("1 merges into 'abc', which has 2 cuts"));
  fallback["model"]["merges"] = {"a b", "ab c", "b c", "a bc"};
  EXPECT_THAT(error_of([&] { exported_json(fallback, {.vocabulary = 7}); }),
              HasSubstr("'abc' at two places"));
}

GgufMetadata metadata_of(const std::string& model, std::vector<std::string> tokens) {
  GgufMetadata metadata("file.gguf");
  metadata.add("tokenizer.ggml.model", model);
  metadata.add("tokenizer.ggml.tokens", GgufArray{std::move(tokens)});
  return metadata;
}

TEST(GgufTokenizer, CorruptKeysAreRefused) {
  const auto error_with = [](GgufMetadata metadata, const char* key, GgufValue value) {
    metadata.add(key, std::move(value));
    return error_of([&] { read_gguf_tokenizer(metadata); });
  };
  const auto spm = [] { return metadata_of("llama", {"<unk>", "a", "b"}); };
  const auto bpe = [] { return metadata_of("gpt2", {"a", "b", "ab"}); };
  EXPECT_NO_THROW(read_gguf_tokenizer(spm()));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.scores", GgufArray{std::vector<float>{1, 2}}),
              HasSubstr("scores: 2 elements, expected 3"));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.scores", GgufArray{std::vector<float>{1, NAN, 2}}),
              HasSubstr("not finite"));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.token_type", GgufArray{std::vector<int32_t>{2, 1}}),
              HasSubstr("token_type: 2 elements"));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.token_type", GgufArray{std::vector<int32_t>{2, 1, 7}}),
              HasSubstr("type 7 of token 2"));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.token_type", GgufArray{std::vector<int32_t>{2, 1, 6}}),
              HasSubstr("a byte piece 'b'"));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.bos_token_id", uint32_t{3}),
              HasSubstr("bos_token_id: 3, expected 0 to 2"));
  EXPECT_THAT(error_with(spm(), "tokenizer.ggml.add_bos_token", uint32_t{1}),
              HasSubstr("expected true or false"));
  EXPECT_THAT(error_of([&] {
                read_gguf_tokenizer(metadata_of("llama", {"<unk>", "a", "a"}));
              }),
              HasSubstr("'a' occurs twice"));
  EXPECT_THAT(error_of([&] { read_gguf_tokenizer(metadata_of("llama", {})); }), HasSubstr("0 tokens"));
  EXPECT_THAT(error_of([&] {
                read_gguf_tokenizer(metadata_of("llama", {"<unk>", "\xFF"}));
              }),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of([&] { read_gguf_tokenizer(bpe()); }), HasSubstr("merges: missing"));
  EXPECT_THAT(error_with(bpe(), "tokenizer.ggml.merges", GgufArray{std::vector<std::string>{"ab"}}),
              HasSubstr("merges: 'ab'"));
  EXPECT_THAT(error_with(bpe(), "tokenizer.ggml.merges", GgufArray{std::vector<std::string>{"a c"}}),
              HasSubstr("merges"));
  EXPECT_THAT(error_with(bpe(), "tokenizer.ggml.pre", std::string("qwen-2")), HasSubstr("'qwen2'"));
  const auto words = [] { return metadata_of("bert", {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁a", "b"}); };
  const auto with_ids = [&](GgufMetadata metadata) {
    metadata.add("tokenizer.ggml.cls_token_id", uint32_t{2});
    metadata.add("tokenizer.ggml.seperator_token_id", uint32_t{3});
    metadata.add("tokenizer.ggml.unknown_token_id", uint32_t{1});
    return metadata;
  };
  EXPECT_EQ(read_gguf_tokenizer(with_ids(words()))->encode("ab"), (std::vector<TokenId>{2, 4, 5, 3}));
  EXPECT_THAT(error_of([&] { read_gguf_tokenizer(words()); }), HasSubstr("cls_token_id: missing"));
  EXPECT_THAT(error_with(words(), "tokenizer.ggml.cls_token_id", uint32_t{6}), HasSubstr("cls_token_id: 6"));
  EXPECT_THAT(error_with(with_ids(words()), "tokenizer.ggml.normalizer.lowercase", uint32_t{1}),
              HasSubstr("expected true or false"));
  EXPECT_THAT(
      error_of([&] {
        read_gguf_tokenizer(with_ids(metadata_of("bert", {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁a", "▁a"})));
      }),
      HasSubstr("'a' occurs twice"));
  const auto unigram = [] { return metadata_of("t5", {"<pad>", "</s>", "<unk>", "▁", "a"}); };
  EXPECT_NO_THROW(read_gguf_tokenizer(unigram()));
  const char* charsmap = "tokenizer.ggml.precompiled_charsmap";
  EXPECT_THAT(error_with(unigram(), charsmap, GgufArray{std::vector<int32_t>{1, 300}}),
              HasSubstr("precompiled_charsmap: 300"));
  EXPECT_THAT(error_with(unigram(), charsmap, GgufArray{std::vector<uint8_t>{255, 255, 255, 255, 0}}),
              HasSubstr("file.gguf"));
  EXPECT_THAT(error_with(unigram(), charsmap, std::string("x")), HasSubstr(charsmap));
  EXPECT_THAT(error_with(unigram(), "tokenizer.ggml.scores", GgufArray{std::vector<float>{1, 2}}),
              HasSubstr("scores: 2 elements"));
  EXPECT_THAT(error_of([&] { read_gguf_tokenizer(GgufMetadata("f")); }),
              HasSubstr("tokenizer model 'no_vocab'"));
}

}  // namespace
}  // namespace coppice
