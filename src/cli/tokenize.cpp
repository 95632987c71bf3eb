#include <iostream>

#include "base/file.h"
#include "base/strings.h"
#include "cli/tokenize_options.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

std::vector<TokenId> parse_ids(std::string words) {
  for (char& c : words)
    if (c == ',' || c == '[' || c == ']') c = ' ';
  std::vector<TokenId> ids;
  for (const auto& word : split(words, ' ')) {
    if (trim(word).empty()) continue;
    detail::set_from_words(ids.emplace_back(), {std::string(trim(word))}, "--decode");
  }
  return ids;
}

void check_one_source(const TokenizeOptions& options) {
  const int sources =
      (options.text.empty() ? 0 : 1) + (options.file.empty() ? 0 : 1) + (options.decode ? 1 : 0);
  if (sources <= 1) return;
  throw Error({.where = "coppice tokenize",
               .found = fmt::format("{} inputs", sources),
               .expected = "one of a text, --file and --decode"},
              Fault::usage);
}

std::string lines_of(const std::vector<TokenId>& ids, const std::vector<std::string>& tokens) {
  std::string text;
  for (size_t i = 0; i < ids.size(); ++i) text += fmt::format("{:>7}  {}\n", ids[i], tokens[i]);
  return text;
}

// A line of JSON for every line of the file: ids, characters that each token stands for, and the decoded text.
int tokenize_lines(const Tokenizer& tokenizer, const TokenizeOptions& options) {
  if (options.file.empty())
    throw Error({.where = "--lines", .found = "no --file", .expected = "a file of JSON strings"},
                Fault::usage);
  int64_t number = 0;
  for (const auto& line : split(read_file(options.file), '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string where = fmt::format("{}:{}", options.file.string(), number);
    const auto text = from_json<std::string>(parse_json(line, where), where);
    const Encoding encoding = tokenizer.encode_full(text, std::nullopt, {.add_special = !options.no_special});
    Json offsets = Json::array();
    for (const auto& [begin, end] : in_characters(text, encoding.offsets)) offsets.push_back({begin, end});
    const Json result = {{"ids", encoding.ids},
                         {"offsets", std::move(offsets)},
                         {"text", tokenizer.decode(encoding.ids, !options.no_special)}};
    std::cout << to_line(result) << "\n";
  }
  return 0;
}

}  // namespace

int run_tokenize(const TokenizeOptions& options) {
  check_one_source(options);
  const auto tokenizer = load_tokenizer(options.model);
  if (options.lines) return tokenize_lines(*tokenizer, options);
  std::vector<TokenId> ids;
  std::string text;
  if (options.decode) {
    ids = parse_ids(*options.decode);
    text = tokenizer->decode(ids, !options.no_special);
  } else {
    text = options.file.empty() ? options.text : read_file(options.file);
    ids = tokenizer->encode(text, !options.no_special);
  }
  std::vector<std::string> tokens;
  for (const TokenId id : ids) tokens.push_back(tokenizer->token(id));
  const Json json = {{"ids", ids}, {"tokens", tokens}, {"text", text}};
  print_result(options.common, json, options.decode ? text + "\n" : lines_of(ids, tokens));
  return 0;
}

}  // namespace coppice
