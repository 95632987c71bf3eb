#include "model/sentence/texts.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "text/utf8.h"

namespace coppice {

std::string stripped(const std::string& bytes, bool lower) {
  const std::string text = to_utf8(bytes);
  size_t begin = 0, end = text.size();
  for (size_t at = 0; at < text.size() && is_space(next_character(text, at));) begin = at;
  while (end > begin) {
    size_t at = previous_character(text, end);
    const size_t start = at;
    if (!is_space(next_character(text, at))) break;
    end = start;
  }
  std::string kept = text.substr(begin, end - begin);
  if (!lower) return kept;
  std::string result;
  for (size_t at = 0; at < kept.size();) {
    const char32_t c = next_character(kept, at);
    if (c == 0x130)
      result += "i\xCC\x87";
    else
      append_character(result, lower_case(c));
  }
  return result;
}

std::optional<int64_t> tokenizer_limit(const std::filesystem::path& directory) {
  const auto path = directory / "tokenizer_config.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const Json json = read_json_file(path, perhaps_incomplete);
  if (!json.is_object() || !json.contains("model_max_length")) return std::nullopt;
  const Json& limit = json["model_max_length"];
  if (!limit.is_number() || !(limit.get<double>() >= 1 && limit.get<double>() < 1e9)) return std::nullopt;
  return limit.get<int64_t>();
}

std::vector<std::vector<size_t>> passes_of(std::span<const size_t> tokens, int64_t most) {
  std::vector<size_t> order(tokens.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return tokens[a] > tokens[b]; });
  // Of one pass: more does not make it faster, and keys and values of every layer lie in memory.
  constexpr size_t most_tokens = 1 << 12;
  std::vector<std::vector<size_t>> passes;
  size_t in_pass = 0;
  for (const size_t text : order) {
    if (passes.empty() || static_cast<int64_t>(passes.back().size()) >= most ||
        in_pass + tokens[text] > most_tokens) {
      passes.emplace_back();
      in_pass = 0;
    }
    passes.back().push_back(text);
    in_pass += tokens[text];
  }
  return passes;
}

}  // namespace coppice
