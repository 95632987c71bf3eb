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
Vocabulary read_vocabulary(const std::filesystem::path& path) {
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
  return Vocabulary(std::move(entries), path.string());
}

}  // namespace

std::unique_ptr<Tokenizer> read_word_piece_directory(const std::filesystem::path& model_directory) {
  const TokenizerConfig config(model_directory);
  const std::string kind = config.kind().empty() ? "BertTokenizer" : config.kind();
  word_piece_classes().get(kind, config.where() + ".tokenizer_class", Fault::input);
  const std::string path = (model_directory / "vocab.txt").string();
  Vocabulary vocabulary = read_vocabulary(path);

  PipelineTokenizer::Parts parts;
  Json normalizer = {{"type", "BertNormalizer"},
                     {"clean_text", true},
                     {"handle_chinese_chars", config.flag("tokenize_chinese_chars", true)},
                     {"lowercase", config.flag("do_lower_case", true)}};
  if (const auto strips = config.flag("strip_accents")) normalizer["strip_accents"] = *strips;
  parts.normalizer = make_bert_normalizer(normalizer, kind);
  parts.pre_tokenizer = make_bert_pre_tokenizer({{"type", "BertPreTokenizer"}}, kind);
  parts.decoder = make_word_piece_decoder({{"type", "WordPiece"}, {"prefix", "##"}}, kind);

  const WordPieceOptions options = {.unk_token = config.token("unk_token", "[UNK]")};
  const std::string cls = config.token("cls_token", "[CLS]"), sep = config.token("sep_token", "[SEP]");
  parts.added_tokens = config.added_tokens();
  const auto added = [&](const std::string& token) -> const AddedToken* {
    for (const auto& each : parts.added_tokens)
      if (each.content == token) return &each;
    return nullptr;
  };
  for (const std::string& token : {options.unk_token, cls, sep, config.token("pad_token", "[PAD]"),
                                   config.token("mask_token", "[MASK]")}) {
    const auto id = vocabulary.find(token);
    if (id && added(token) == nullptr)
      parts.added_tokens.push_back({.id = *id, .content = token, .special = true});
  }
  const auto id_of = [&](const std::string& token) {
    if (const AddedToken* known = added(token)) return known->id;
    throw Error({.where = path,
                 .found = fmt::format("no token '{}'", token),
                 .expected = "one, as " + kind + " has"});
  };
  auto processor = std::make_unique<PostProcessor>();
  const TokenId first = id_of(cls), last = id_of(sep);
  processor->single = {{.id = first}, {.text = 0}, {.id = last}};
  processor->pair = {
      {.id = first}, {.text = 0}, {.id = last}, {.text = 1, .type = 1}, {.id = last, .type = 1}};
  parts.post_processor = std::move(processor);
  parts.model = std::make_unique<WordPieceModel>(options, std::move(vocabulary), path);
  return std::make_unique<PipelineTokenizer>(std::move(parts), model_directory.string());
}

}  // namespace coppice
