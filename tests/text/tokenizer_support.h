#pragma once
// Tokenizers for tests.

#include <memory>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "support.h"
#include "text/pipeline_tokenizer.h"

namespace coppice::test {

inline std::unique_ptr<Tokenizer> tokenizer_of(const Json& file) {
  return read_pipeline_tokenizer(to_line(file), "tokenizer.json");
}

// GPT-2's tokenizer.json, composed of its vocabulary and merges.
inline std::unique_ptr<Tokenizer> gpt2_tokenizer() {
  const auto folder = data_folder() / "tokenizers" / "gpt2";
  std::istringstream lines(read_file(folder / "merges.txt"));
  Json merges = Json::array();
  for (std::string line; std::getline(lines, line);)
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(line);
  const Json rest = {
      {"version", "1.0"},
      {"added_tokens", {{{"id", 50256}, {"content", "<|endoftext|>"}, {"special", true}}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"merges", std::move(merges)}, {"vocab", "VOCABULARY"}}},
  };
  std::string text = to_line(rest);
  const std::string mark = "\"VOCABULARY\"";
  text.replace(text.find(mark), mark.size(), read_file(folder / "vocab.json"));
  return read_pipeline_tokenizer(text, "tokenizer.json");
}

}  // namespace coppice::test
