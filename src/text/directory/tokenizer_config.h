#pragma once
// What lies beside the vocabulary of a model directory: tokenizer_config.json and added_tokens.json. Both may be
// missing.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/added_tokens.h"

namespace coppice {

class TokenizerConfig {
 public:
  explicit TokenizerConfig(const std::filesystem::path& model_directory);

  // tokenizer_class without its ending Fast; empty if it is not said.
  const std::string& kind() const { return kind_; }
  // Its name for errors.
  const std::string& where() const { return where_; }

  bool flag(const char* key, bool fallback) const;
  std::optional<bool> flag(const char* key) const;  // nothing if missing or null
  int64_t number(const char* key, int64_t fallback) const;
  // The spelling of a special token: "cls_token", …; `fallback` if it is not said.
  std::string token(const char* key, const std::string& fallback) const;

  // Tokens with ids of their own, in order of their ids; the special ones are marked.
  const std::vector<AddedToken>& added_tokens() const { return added_; }

 private:
  void read_added_tokens(const std::filesystem::path& path);
  void read_decoder();
  bool is_special(const std::string& content) const;

  Json json_ = Json::object();
  std::string kind_, where_;
  std::vector<AddedToken> added_;
};

}  // namespace coppice
