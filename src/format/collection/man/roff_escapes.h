#pragma once
// What troff's escapes (\fB, \-, \(em, \*(Aq …) leave of a line when only its text is wanted.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coppice::man {

// Stands at the end of a text behind which the next line goes on without a space (\c).
inline constexpr char joined = '\x01';

class RoffEscapes {
 public:
  explicit RoffEscapes(std::string where) : where_(std::move(where)) {}

  // The text; expansions of strings are counted, and too many are an Error.
  std::string text(std::string_view raw) { return text(raw, 0); }
  // The same, but only \*, \n and, in the body of a macro, \$ are replaced.
  std::string expanded(std::string_view raw, const std::vector<std::string>* arguments = nullptr);
  // Counts what expansion has made; too much is an Error.
  void spend(size_t bytes);

  std::map<std::string, std::string, std::less<>> strings;
  std::map<std::string, int64_t, std::less<>> registers = {{".g", 1}, {".$", 0}};

 private:
  std::string text(std::string_view raw, int depth);
  void escape(std::string_view raw, size_t& at, int depth, std::string& into);
  std::string register_value(std::string_view name) const;

  std::string where_;
  size_t spent_ = 0;
};

// The name behind an escape's letter: x, (xx or [xxx]. Moves `at` behind it.
std::string_view escape_name(std::string_view raw, size_t& at);

// The line without a comment (\" or \#) and what is behind it.
std::string_view without_comment(std::string_view line);

// Words of a macro's line: separated by spaces, or within quotes; escapes stay as they are.
std::vector<std::string> split_arguments(std::string_view rest);

}  // namespace coppice::man
