#pragma once
// Regular expressions as Hugging Face tokenizers mean them: Oniguruma, Ruby syntax, UTF-8. Backtracking is
// bounded, so that a hostile pattern ends in an Error and not in a hang.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/text_range.h"

namespace coppice {

class Regex {
 public:
  // A malformed pattern is an Error that names `where`.
  Regex(std::string_view pattern, std::string where);
  Regex(Regex&&) noexcept;
  ~Regex();

  // All matches in `text` (well-formed UTF-8) from left to right, not overlapping. An empty match directly
  // behind another match is left out.
  std::vector<TextRange> find_all(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
  std::string where_;
};

}  // namespace coppice
