#include "text/analysis/porter.h"

#include <algorithm>
#include <span>

#include "text/utf8.h"

namespace coppice {
namespace {

// A suffix and what takes its place.
struct Rewrite {
  std::string_view suffix, replacement;
};

// Works on characters of type Char; the suffixes are ASCII.
template <class Char>
class Porter {
 public:
  Porter(std::basic_string<Char>& word, bool as_published) : word_(word), as_published_(as_published) {}

  void stem() {
    if (word_.size() <= 2) return;
    plurals();
    past_and_progressive();
    final_y();
    double_suffixes();
    full_and_ness();
    residual_suffixes();
    final_e();
  }

 private:
  bool consonant(size_t i) const {
    switch (word_[i]) {
      case 'a':
      case 'e':
      case 'i':
      case 'o':
      case 'u':
        return false;
      case 'y':
        return i == 0 || !consonant(i - 1);
      default:
        return true;
    }
  }

  // m of the first `length` letters: how often a consonant follows a vowel.
  int measure(size_t length) const {
    int count = 0;
    bool vowel_before = false;
    for (size_t i = 0; i < length; ++i) {
      // Whether y is a consonant follows from the letter before it.
      const bool vowel = word_[i] == 'y' ? i > 0 && !vowel_before : !consonant(i);
      count += vowel_before && !vowel;
      vowel_before = vowel;
    }
    return count;
  }

  bool has_vowel(size_t length) const {
    for (size_t i = 0; i < length; ++i)
      if (!consonant(i)) return true;
    return false;
  }

  bool ends_double_consonant() const {
    const size_t n = word_.size();
    return n >= 2 && word_[n - 1] == word_[n - 2] && consonant(n - 1);
  }

  // *o: consonant, vowel, consonant at the end of the first `length` letters, the last not w, x or y.
  bool ends_short(size_t length) const {
    if (length < 3 || !consonant(length - 1) || consonant(length - 2) || !consonant(length - 3)) return false;
    const Char last = word_[length - 1];
    return last != 'w' && last != 'x' && last != 'y';
  }

  bool ends(std::string_view suffix) const {
    return word_.size() >= suffix.size() &&
           std::equal(suffix.begin(), suffix.end(), word_.end() - static_cast<std::ptrdiff_t>(suffix.size()));
  }
  size_t before(std::string_view suffix) const { return word_.size() - suffix.size(); }
  void replace(std::string_view suffix, std::string_view replacement) {
    word_.resize(before(suffix));
    word_.insert(word_.end(), replacement.begin(), replacement.end());
  }

  // The first rule whose suffix is there decides, whether or not its condition (m > 0) holds.
  void apply_first(std::span<const Rewrite> rules) {
    for (const auto& [suffix, replacement] : rules)
      if (ends(suffix)) {
        if (measure(before(suffix)) > 0) replace(suffix, replacement);
        return;
      }
  }

  void plurals() {
    if (word_.back() != 's') return;
    if (ends("sses") || ends("ies"))
      word_.resize(word_.size() - 2);
    else if (!ends("ss"))
      word_.pop_back();
  }

  void past_and_progressive() {
    if (ends("eed")) {
      if (measure(before("eed")) > 0) word_.pop_back();
      return;
    }
    const std::string_view suffix = ends("ed") ? "ed" : ends("ing") ? "ing" : "";
    if (suffix.empty() || !has_vowel(before(suffix))) return;
    word_.resize(before(suffix));
    if (ends("at") || ends("bl") || ends("iz")) {
      word_ += static_cast<Char>('e');
    } else if (ends_double_consonant()) {
      const Char last = word_.back();
      if (last != 'l' && last != 's' && last != 'z') word_.pop_back();
    } else if (measure(word_.size()) == 1 && ends_short(word_.size())) {
      word_ += static_cast<Char>('e');
    }
  }

  void final_y() {
    if (word_.back() == 'y' && has_vowel(word_.size() - 1)) word_.back() = 'i';
  }

  void double_suffixes() {
    static constexpr Rewrite rules[] = {
        {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"},   {"izer", "ize"},
        {"alli", "al"},     {"entli", "ent"},   {"eli", "e"},     {"ousli", "ous"},   {"ization", "ize"},
        {"ation", "ate"},   {"ator", "ate"},    {"alism", "al"},  {"iveness", "ive"}, {"fulness", "ful"},
        {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"}, {"biliti", "ble"},
    };
    static constexpr Rewrite published[] = {{"abli", "able"}};
    static constexpr Rewrite departures[] = {{"bli", "ble"}, {"logi", "log"}};
    if (word_.size() < 4) return;
    // No suffix of one list ends with one of another.
    apply_first(rules);
    if (as_published_)
      apply_first(published);
    else
      apply_first(departures);
  }

  void full_and_ness() {
    static constexpr Rewrite rules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                        {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
    apply_first(rules);
  }

  void residual_suffixes() {
    static constexpr std::string_view suffixes[] = {"al",  "ance",  "ence", "er",  "ic",   "able", "ible",
                                                    "ant", "ement", "ment", "ent", "sion", "tion", "ou",
                                                    "ism", "ate",   "iti",  "ous", "ive",  "ize"};
    for (const auto suffix : suffixes)
      if (ends(suffix)) {
        const size_t taken = suffix == "sion" || suffix == "tion" ? 3 : suffix.size();
        if (measure(word_.size() - taken) > 1) word_.resize(word_.size() - taken);
        return;
      }
  }

  void final_e() {
    if (word_.back() == 'e') {
      const size_t rest = word_.size() - 1;
      const int m = measure(rest);
      if (m > 1 || (m == 1 && !ends_short(rest))) word_.pop_back();
    }
    if (ends("ll") && measure(word_.size()) > 1) word_.pop_back();
  }

  std::basic_string<Char>& word_;
  bool as_published_;
};

}  // namespace

void porter_stem(std::string_view word, std::string& stem, bool as_published) {
  if (std::all_of(word.begin(), word.end(), [](char c) { return static_cast<signed char>(c) >= 0; })) {
    stem = word;
    Porter<char>(stem, as_published).stem();
    return;
  }
  // Letters of several bytes count once, and two that are equal are a double consonant.
  std::u32string characters;
  for (size_t at = 0; at < word.size();) characters += next_character(word, at);
  Porter<char32_t>(characters, as_published).stem();
  stem.clear();
  for (const char32_t c : characters) append_character(stem, c);
}

}  // namespace coppice
