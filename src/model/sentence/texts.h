#pragma once
// What models that read whole texts share: texts as they see them, and passes of bounded size.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coppice {

// The text without white space around it, lower-cased if asked for: each character by itself (U+0130 becomes two).
std::string stripped(const std::string& bytes, bool lower = false);

// Tokens that tokenizer_config.json allows; some say an absurdly large number for none.
std::optional<int64_t> tokenizer_limit(const std::filesystem::path& directory);

// Texts of so many tokens, by index, in passes of `most` texts at most. Long ones come first, so that passes, and what
// they hold in memory, are alike in size.
std::vector<std::vector<size_t>> passes_of(std::span<const size_t> tokens, int64_t most);

}  // namespace coppice
