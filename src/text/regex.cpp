#include "text/regex.h"

#include <mutex>

#include <oniguruma.h>

#include "base/error.h"
#include "text/utf8.h"

namespace coppice {
namespace {

constexpr size_t max_pattern = 1 << 16;
constexpr unsigned long max_retries_in_match = 1'000'000;
constexpr unsigned int max_stack = 1 << 24;

std::string describe(int code, OnigErrorInfo* info = nullptr) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(length)};
}

const OnigUChar* bytes_of(std::string_view text) {
  return reinterpret_cast<const OnigUChar*>(text.data());
}

void initialize_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
  });
}

struct Region {
  OnigRegion* it = onig_region_new();
  ~Region() { onig_region_free(it, 1); }
};

struct MatchLimits {
  OnigMatchParam* it = onig_new_match_param();
  explicit MatchLimits(size_t text_size) {
    onig_initialize_match_param(it);
    onig_set_match_stack_limit_size_of_match_param(it, max_stack);
    onig_set_retry_limit_in_match_of_match_param(it, max_retries_in_match);
    // A search tries every position, each at the price of a few retries.
    onig_set_retry_limit_in_search_of_match_param(it, 10 * max_retries_in_match + 16 * text_size);
  }
  ~MatchLimits() { onig_free_match_param(it); }
};

}  // namespace

struct Regex::Compiled {
  regex_t* regex = nullptr;
  ~Compiled() { onig_free(regex); }
};

Regex::Regex(std::string_view pattern, std::string where)
    : compiled_(std::make_unique<Compiled>()), where_(std::move(where)) {
  initialize_once();
  if (pattern.size() > max_pattern)
    throw Error({.where = where_,
                 .found = fmt::format("a regular expression of {} bytes", pattern.size()),
                 .expected = fmt::format("at most {}", max_pattern)});
  OnigErrorInfo info{};
  const int code = onig_new(&compiled_->regex, bytes_of(pattern), bytes_of(pattern) + pattern.size(),
                            ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_RUBY, &info);
  if (code != ONIG_NORMAL)
    throw Error(
        {.where = where_,
         .found = fmt::format("regular expression '{}': {}", pattern.substr(0, 80), describe(code, &info)),
         .expected = "Oniguruma's Ruby syntax"});
}

Regex::Regex(Regex&&) noexcept = default;
Regex::~Regex() = default;

std::vector<TextRange> Regex::find_all(std::string_view text) const {
  std::vector<TextRange> found;
  const Region region;
  const MatchLimits limits(text.size());
  const OnigUChar* begin = bytes_of(text);
  const OnigUChar* end = begin + text.size();
  size_t from = 0;
  while (from <= text.size()) {
    const int at = onig_search_with_param(compiled_->regex, begin, end, begin + from, end, region.it,
                                          ONIG_OPTION_NONE, limits.it);
    if (at == ONIG_MISMATCH) break;
    if (at < 0)
      throw Error({.where = where_,
                   .found = fmt::format("regular expression fails on a text of {} bytes: {}", text.size(),
                                        describe(at)),
                   .advice = "the pattern backtracks too much; mend it in tokenizer.json"});
    const TextRange match{static_cast<size_t>(region.it->beg[0]), static_cast<size_t>(region.it->end[0])};
    const bool empty = match.begin == match.end;
    if (empty && !found.empty() && found.back().end == match.end) {
      from += from < text.size() ? utf8_length(text[from]) : 1;
      continue;
    }
    found.push_back(match);
    from = match.end;
  }
  return found;
}

}  // namespace coppice
