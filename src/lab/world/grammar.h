#pragma once
// Random text from templates. In a template
//   {a|b|c}  is one of the alternatives, which are templates themselves;
//   [rule]   is one of the templates of a rule (the first of a recursive rule must not recur);
//   $slot    is a value given by the caller;
//   ^        makes the next letter a capital;
//   a~       is "a" or "an", as the next word wants.
// The marks ^ and ~ remain in expanded text until `finish` resolves them.

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace coppice::lab {

using Slots = std::vector<std::pair<std::string_view, std::string>>;

class Grammar {
 public:
  using Rule = std::pair<std::string_view, std::vector<std::string_view>>;
  explicit Grammar(std::vector<Rule> rules);

  // Appends one expansion of `text` to `out`.
  void expand(std::string_view text, const Slots& slots, Rng& rng, std::string& out, int depth = 0) const;
  std::string expand(std::string_view text, const Slots& slots, Rng& rng) const;

 private:
  std::unordered_map<std::string_view, std::vector<std::string_view>> rules_;
};

// Resolves the marks ^ and ~ from position `from` on.
void finish(std::string& text, size_t from = 0);

}  // namespace coppice::lab
