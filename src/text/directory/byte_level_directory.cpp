// vocab.json and merges.txt -> PipelineTokenizer.

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "text/directory/tokenizer_config.h"
#include "text/directory/vocabulary_files.h"
#include "text/pipeline_tokenizer.h"
#include "text/subword/bpe.h"

namespace coppice {
namespace {

// What a tokenizer class puts around the vocabulary.
struct ByteLevelClass {
  bool adds_bos = false;     // unless tokenizer_config.json says otherwise
  bool cls_and_sep = false;  // <s> A </s>, as RoBERTa
  bool nfc = false;
  const char* pattern = nullptr;  // of words; GPT-2's if null
  const char *bos = "<|endoftext|>", *eos = "<|endoftext|>", *unknown = nullptr, *mask = nullptr;
};

constexpr const char* qwen2_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const Registry<ByteLevelClass>& byte_level_classes() {
  static constexpr ByteLevelClass roberta = {
      .cls_and_sep = true, .bos = "<s>", .eos = "</s>", .unknown = "<unk>", .mask = "<mask>"};
  static const Registry<ByteLevelClass> all("tokenizer class with vocab.json and merges.txt",
                                            {
                                                {"GPT2Tokenizer", {}},
                                                {"CodeGenTokenizer", {}},
                                                {"RobertaTokenizer", roberta},
                                                {"BartTokenizer", roberta},
                                                {"LongformerTokenizer", roberta},
                                                {"Qwen2Tokenizer", {.nfc = true, .pattern = qwen2_pattern}},
                                            });
  return all;
}

// Lines "left right"; a first line "#version: …" is a comment.
std::vector<std::pair<std::string, std::string>> read_merges(const std::filesystem::path& path) {
  std::vector<std::pair<std::string, std::string>> merges;
  const std::vector<std::string> lines = split(read_file(path), '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (i == 0 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    const bool two = space != line.npos && space > 0 && space + 1 < line.size() &&
                     line.find(' ', space + 1) == line.npos && is_utf8(line);
    if (!two)
      throw Error({.where = fmt::format("{}:{}", path.string(), i + 1),
                   .found = fmt::format("'{}'", to_utf8(line.substr(0, 60))),
                   .expected = "two tokens"});
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

Vocabulary read_vocabulary(const std::filesystem::path& path) {
  std::vector<Vocabulary::Entry> entries;
  const auto json = parse_large_json(read_file(path), path.string(), perhaps_incomplete);
  if (!json.is_object())
    throw Error({.where = path.string(), .found = json.type_name(), .expected = "an object"});
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_integer())
      throw Error(
          {.where = path.string(), .found = fmt::format("token '{}' has no whole number as its id", token)});
    entries.emplace_back(
        token, id.is_number_unsigned() && id.get<uint64_t>() > INT64_MAX ? INT64_MAX : id.get<int64_t>());
  }
  return Vocabulary(std::move(entries), path.string());
}

}  // namespace

std::unique_ptr<Tokenizer> read_byte_level_directory(const std::filesystem::path& model_directory) {
  const TokenizerConfig config(model_directory);
  const std::string kind = config.kind().empty() ? "GPT2Tokenizer" : config.kind();
  const ByteLevelClass& known =
      byte_level_classes().get(kind, config.where() + ".tokenizer_class", Fault::input);
  const std::string vocabulary_path = (model_directory / "vocab.json").string();
  const bool prefix = config.flag("add_prefix_space", false);

  PipelineTokenizer::Parts parts;
  if (known.nfc) parts.normalizer = make_nfc_normalizer({{"type", "NFC"}}, kind);
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"use_regex", known.pattern == nullptr}};
  if (known.pattern == nullptr) {
    parts.pre_tokenizer = make_byte_level_pre_tokenizer(byte_level, kind);
  } else {
    const Json words = {{"type", "Split"},
                        {"pattern", {{"Regex", known.pattern}}},
                        {"behavior", "Isolated"},
                        {"invert", false}};
    parts.pre_tokenizer = make_sequence_pre_tokenizer(
        {{"type", "Sequence"}, {"pretokenizers", Json::array({words, byte_level})}}, kind);
  }
  parts.decoder = make_byte_level_decoder({{"type", "ByteLevel"}}, kind);

  Vocabulary vocabulary = read_vocabulary(vocabulary_path);
  const auto id_of = [&](const std::string& token) {
    for (const auto& added : config.added_tokens())
      if (added.content == token) return added.id;
    if (const auto id = vocabulary.find(token)) return *id;
    throw Error({.where = vocabulary_path,
                 .found = fmt::format("no token '{}'", token),
                 .expected = "one, as " + kind + " has"});
  };
  const std::string bos = config.token("bos_token", known.bos), eos = config.token("eos_token", known.eos);
  const std::string unknown = config.token("unk_token", known.unknown != nullptr ? known.unknown : "");
  auto processor = std::make_unique<PostProcessor>();
  processor->trims_offsets = true;
  if (known.cls_and_sep) {
    const TokenId cls = id_of(config.token("cls_token", bos)), sep = id_of(config.token("sep_token", eos));
    processor->single = {{.id = cls}, {.text = 0}, {.id = sep}};
    processor->pair = {{.id = cls}, {.text = 0}, {.id = sep}, {.id = sep}, {.text = 1}, {.id = sep}};
  } else if (config.flag("add_bos_token", known.adds_bos)) {
    const TokenId id = id_of(bos);
    processor->single = {{.id = id}, {.text = 0}};
    processor->pair = {{.id = id}, {.text = 0}, {.id = id, .type = 1}, {.text = 1, .type = 1}};
  }
  parts.post_processor = std::move(processor);

  parts.added_tokens = config.added_tokens();
  const auto add_special = [&](const std::string& token, bool takes_space) {
    const auto same = [&](const AddedToken& added) { return added.content == token; };
    const auto id = vocabulary.find(token);
    if (!id || std::any_of(parts.added_tokens.begin(), parts.added_tokens.end(), same)) return;
    parts.added_tokens.push_back({.id = *id, .content = token, .lstrip = takes_space, .special = true});
  };
  for (const std::string& token :
       {bos, eos, unknown, config.token("cls_token", ""), config.token("sep_token", ""),
        config.token("pad_token", known.cls_and_sep ? "<pad>" : "")})
    if (!token.empty()) add_special(token, false);
  if (known.mask != nullptr) add_special(config.token("mask_token", known.mask), true);

  BpeOptions options;
  if (!unknown.empty() && vocabulary.find(unknown)) options.unk_token = unknown;
  parts.model = std::make_unique<BpeModel>(std::move(options), std::move(vocabulary),
                                           read_merges(model_directory / "merges.txt"),
                                           (model_directory / "merges.txt").string());
  return std::make_unique<PipelineTokenizer>(std::move(parts), model_directory.string());
}

}  // namespace coppice
