// A tokenizer directory without a tokenizer.json, and a text for it. The input is a list of files, each
// introduced by a line "=== NAME"; of names that a tokenizer has no use for nothing is written. What stands
// before the first of them is the text.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer.h"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view names[] = {"vocab.json",      "merges.txt",
                                      "vocab.txt",       "added_tokens.json",
                                      "tokenizer.model", "tokenizer_config.json",
                                      "spiece.model",    "special_tokens_map.json"};

// One folder for all inputs of a process.
const fs::path& folder() {
  static const fs::path path = fs::temp_directory_path() / fmt::format("coppice-fuzz-{}", ::getpid());
  return path;
}

// Writes the files and returns the text.
std::string_view unpack(std::string_view bytes) {
  fs::remove_all(folder());
  fs::create_directories(folder());
  constexpr std::string_view mark = "=== ";
  const size_t first = bytes.starts_with(mark) ? 0 : std::min(bytes.find("\n=== "), bytes.size());
  std::string_view rest = bytes.substr(first);
  if (rest.starts_with('\n')) rest.remove_prefix(1);
  while (rest.starts_with(mark)) {
    const size_t line = std::min(rest.find('\n'), rest.size()),
                 end = std::min(rest.find("\n=== "), rest.size());
    const std::string_view name = rest.substr(mark.size(), line - mark.size());
    for (const auto known : names)
      if (name == known)
        coppice::write_file(folder() / known,
                            rest.substr(std::min(line + 1, end), end - std::min(line + 1, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return bytes.substr(0, first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  const std::string_view text = unpack({reinterpret_cast<const char*>(data), size});
  try {
    const auto tokenizer = load_tokenizer(folder());
    const auto ids = tokenizer->encode(text);
    for (const auto id : ids) COPPICE_CHECK(id >= 0 && id < tokenizer->vocabulary());
    tokenizer->decode(ids);
    const Encoding full = tokenizer->encode_full(text, text);
    COPPICE_CHECK(full.ids.size() == full.offsets.size());
    tokenizer->leading_token();
  } catch (const Error&) {
  }
  fs::remove_all(folder());
  return 0;
}
