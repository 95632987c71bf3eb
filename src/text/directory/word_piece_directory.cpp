// vocab.txt -> PipelineTokenizer.

#include "base/file.h"
#include "base/strings.h"
#include "text/directory/tokenizer_config.h"
#include "text/directory/vocabulary_files.h"
#include "text/pipeline_tokenizer.h"
#include "text/subword/word_piece.h"

namespace coppice {
namespace {

// Classes that are BERT's in all that is read here.
const Registry<bool>& word_piece_classes() {
  static const Registry<bool> all("tokenizer class with vocab.txt", {{"BertTokenizer", true},
                                                                     {"DistilBertTokenizer", true},
                                                                     {"ElectraTokenizer", true},
                                                                     {"MobileBertTokenizer", true},
                                                                     {"LayoutLMTokenizer", true},
                                                                     {"RetriBertTokenizer", true}});
  return all;
}

// One token per line; its number is its id.
std::vector<Vocabulary::Entry> read_vocabulary(const std::filesystem::path& path) {
  std::vector<Vocabulary::Entry> entries;
  std::vector<std::string> lines = split(read_file(path), '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (auto& line : lines) {
    if (line.ends_with('\r')) line.pop_back();
    const auto number = static_cast<int64_t>(entries.size());
    if (!is_utf8(line))
      throw Error(
          {.where = fmt::format("{}:{}", path.string(), number + 1), .found = "bytes that are not UTF-8"});
    entries.emplace_back(std::move(line), number);
  }
  return entries;
}

}  // namespace

WordPieceFiles read_word_piece_files(const std::filesystem::path& model_directory) {
  const TokenizerConfig config(model_directory);
  const std::string kind = config.kind().empty() ? "BertTokenizer" : config.kind();
  word_piece_classes().get(kind, config.where() + ".tokenizer_class", Fault::input);
  const std::string path = (model_directory / "vocab.txt").string();
  WordPieceFiles files{.vocabulary = read_vocabulary(path),
                       .normalizer = {{"type", "BertNormalizer"},
                                      {"clean_text", true},
                                      {"handle_chinese_chars", config.flag("tokenize_chinese_chars", true)},
                                      {"lowercase", config.flag("do_lower_case", true)}},
                       .unknown = config.token("unk_token", "[UNK]"),
                       .added_tokens = config.added_tokens()};
  if (const auto strips = config.flag("strip_accents")) files.normalizer["strip_accents"] = *strips;

  const Vocabulary vocabulary(files.vocabulary, path);
  const std::string cls = config.token("cls_token", "[CLS]"), sep = config.token("sep_token", "[SEP]");
  const auto added = [&](const std::string& token) -> const AddedToken* {
    for (const auto& each : files.added_tokens)
      if (each.content == token) return &each;
    return nullptr;
  };
  for (const std::string& token :
       {files.unknown, cls, sep, config.token("pad_token", "[PAD]"), config.token("mask_token", "[MASK]")}) {
    const auto id = vocabulary.find(token);
    if (id && added(token) == nullptr)
      files.added_tokens.push_back({.id = *id, .content = token, .special = true});
  }
  const auto id_of = [&](const std::string& token) {
    if (const AddedToken* known = added(token)) return known->id;
    throw Error({.where = path,
                 .found = fmt::format("no token '{}'", token),
                 .expected = "one, as " + kind + " has"});
  };
  files.cls = id_of(cls);
  files.sep = id_of(sep);
  return files;
}

std::unique_ptr<Tokenizer> make_word_piece_tokenizer(WordPieceFiles files, const std::string& where) {
  PipelineTokenizer::Parts parts;
  parts.normalizer = make_component(normalizers(), files.normalizer, where);
  parts.pre_tokenizer = make_component(pre_tokenizers(), Json{{"type", "BertPreTokenizer"}}, where);
  parts.decoder = make_component(token_decoders(), Json{{"type", "WordPiece"}, {"prefix", "##"}}, where);
  parts.added_tokens = std::move(files.added_tokens);
  auto processor = std::make_unique<PostProcessor>();
  const TokenId first = files.cls, last = files.sep;
  processor->single = {{.id = first}, {.text = 0}, {.id = last}};
  processor->pair = {
      {.id = first}, {.text = 0}, {.id = last}, {.text = 1, .type = 1}, {.id = last, .type = 1}};
  parts.post_processor = std::move(processor);
  parts.model = std::make_unique<WordPieceModel>(WordPieceOptions{.unk_token = files.unknown},
                                                 Vocabulary(std::move(files.vocabulary), where), where);
  return std::make_unique<PipelineTokenizer>(std::move(parts), where);
}

std::unique_ptr<Tokenizer> read_word_piece_directory(const std::filesystem::path& model_directory) {
  return make_word_piece_tokenizer(read_word_piece_files(model_directory), model_directory.string());
}

}  // namespace coppice
