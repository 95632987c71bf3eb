#include "text/directory/tokenizer_config.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace coppice {
namespace {

constexpr const char* special_keys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};

// "<s>" or {"content": "<s>", …}
std::optional<std::string> spelling_of(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_object()) return std::nullopt;
  const auto content = json.find("content");
  return content != json.end() && content->is_string() ? std::optional(content->get<std::string>())
                                                       : std::nullopt;
}

}  // namespace

TokenizerConfig::TokenizerConfig(const std::filesystem::path& model_directory) {
  const auto path = model_directory / "tokenizer_config.json";
  where_ = path.string();
  if (std::filesystem::exists(path)) json_ = read_json_file(path, perhaps_incomplete);
  if (!json_.is_object()) throw Error({.where = where_, .found = json_.type_name(), .expected = "an object"});
  if (const auto kind = json_.find("tokenizer_class"); kind != json_.end() && kind->is_string())
    kind_ = kind->get<std::string>();
  if (kind_.ends_with("Fast")) kind_.resize(kind_.size() - 4);
  read_decoder();
  read_added_tokens(model_directory / "added_tokens.json");
  std::sort(added_.begin(), added_.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

std::optional<bool> TokenizerConfig::flag(const char* key) const {
  const auto value = json_.find(key);
  if (value == json_.end() || value->is_null()) return std::nullopt;
  bool flag = false;
  from_json(*value, flag, where_ + "." + key);
  return flag;
}

bool TokenizerConfig::flag(const char* key, bool fallback) const {
  return flag(key).value_or(fallback);
}

int64_t TokenizerConfig::number(const char* key, int64_t fallback) const {
  const auto value = json_.find(key);
  if (value != json_.end() && !value->is_null()) from_json(*value, fallback, where_ + "." + key);
  return fallback;
}

std::string TokenizerConfig::token(const char* key, const std::string& fallback) const {
  const auto value = json_.find(key);
  if (value == json_.end() || value->is_null()) return fallback;
  if (const auto spelling = spelling_of(*value)) return *spelling;
  throw Error({.where = where_ + "." + key, .found = to_line(*value).substr(0, 60), .expected = "a token"});
}

bool TokenizerConfig::is_special(const std::string& content) const {
  for (const char* key : special_keys)
    if (const auto value = json_.find(key); value != json_.end() && spelling_of(*value) == content)
      return true;
  const auto more = json_.find("additional_special_tokens");
  return more != json_.end() && more->is_array() &&
         std::any_of(more->begin(), more->end(),
                     [&](const Json& each) { return spelling_of(each) == content; });
}

// {"32000": {"content": "<pad>", …}, …}
void TokenizerConfig::read_decoder() {
  const auto decoder = json_.find("added_tokens_decoder");
  if (decoder == json_.end() || decoder->is_null()) return;
  const std::string where = where_ + ".added_tokens_decoder";
  if (!decoder->is_object())
    throw Error({.where = where, .found = decoder->type_name(), .expected = "an object"});
  for (const auto& [key, value] : decoder->items()) {
    int64_t id = -1;
    const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (code != std::errc() || end != key.data() + key.size())
      throw Error({.where = where, .found = fmt::format("key '{}'", key), .expected = "a token's id"});
    if (!value.is_object())
      throw Error({.where = where + "." + key, .found = value.type_name(), .expected = "an object"});
    Json token = value;
    token["id"] = id;
    token.erase("__type");
    added_.push_back(from_json<AddedToken>(token, where + "." + key));
  }
}

// {"<pad>": 32000, …}
void TokenizerConfig::read_added_tokens(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return;
  const Json json = read_json_file(path, perhaps_incomplete);
  if (!json.is_object())
    throw Error({.where = path.string(), .found = json.type_name(), .expected = "an object"});
  for (const auto& [content, id] : json.items()) {
    const auto same = [&content = content](const AddedToken& known) { return known.content == content; };
    if (std::any_of(added_.begin(), added_.end(), same)) continue;
    const Json token = {{"id", id}, {"content", content}, {"special", is_special(content)}};
    added_.push_back(from_json<AddedToken>(token, path.string() + "." + content));
  }
}

}  // namespace coppice
