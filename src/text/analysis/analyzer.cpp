#include "text/analysis/analyzer.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include <unicode/brkiter.h>
#include <unicode/uchar.h>

#include "base/strings.h"
#include "text/analysis/fold.h"
#include "text/analysis/stemmer.h"
#include "text/analysis/term_cache.h"
#include "text/analysis/word_break.h"
#include "text/utf8.h"

namespace coppice {
namespace {

struct TransparentHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using WordSet = std::unordered_set<std::string, TransparentHash, std::equal_to<>>;

void append_lower_case(std::string_view text, bool turkic, std::string& out) {
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (turkic && c == 'I') {
      out += "\u0131";
      ++at;
    } else if (static_cast<signed char>(c) >= 0) {
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      ++at;
    } else {
      append_character(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(next_character(text, at)))));
    }
  }
}

// Bytes of an apostrophe at the end of `text`: ' or its typographic and full-width forms; 0 if there is none.
size_t apostrophe_before(std::string_view text) {
  for (const std::string_view mark : {"'", "\u2019", "\uFF07"})
    if (text.ends_with(mark)) return mark.size();
  return 0;
}

class ChainAnalyzer final : public Analyzer {
 public:
  explicit ChainAnalyzer(const AnalyzerSpec& spec)
      : spec_(spec),
        stemmer_(make_stemmer(spec.stemmer, "analyzer.stemmer")),
        stop_words_(spec.stop_words.begin(), spec.stop_words.end()),
        elision_(spec.elision.begin(), spec.elision.end()) {
    if (spec.ngram_max < spec.ngram_min || (spec.ngram_min == 0 && spec.ngram_max != 0))
      throw Error({.where = "analyzer",
                   .found = fmt::format("n-grams of {} to {} characters", spec.ngram_min, spec.ngram_max),
                   .expected = "both sizes 0, or 1 <= ngram_min <= ngram_max"});
    if (spec.max_word_length < 1)
      throw Error({.where = "analyzer.max_word_length",
                   .found = fmt::format("{}", spec.max_word_length),
                   .expected = "at least 1"});
    if (spec.words == WordRule::dictionary) {
      UErrorCode status = U_ZERO_ERROR;
      dictionary_.reset(icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
      if (U_FAILURE(status))
        throw Error({.where = "analyzer.words",
                     .found = "ICU's data for words is missing",
                     .advice = u_errorName(status)},
                    Fault::resource);
    }
  }

  const AnalyzerSpec& spec() const override { return spec_; }

  void analyze(std::string_view text, AnalyzedText& into) override {
    if (text.size() >= std::numeric_limits<uint32_t>::max())
      throw Error(
          {.where = "text", .found = human_size(text.size()), .expected = "less than 4 GiB in one field"},
          Fault::resource);
    into.clear();
    text_ = text;
    into_ = &into;
    position_ = 0;
    run_.clear();
    switch (spec_.words) {
      case WordRule::unicode:
        unicode_words();
        break;
      case WordRule::dictionary:
        dictionary_words();
        break;
      case WordRule::whitespace:
        whitespace_words();
        break;
      case WordRule::keyword:
        if (!text.empty()) word({{0, text.size()}});
        break;
    }
    flush_run();
  }

 private:
  static std::string human_size(size_t bytes) { return fmt::format("{} bytes", bytes); }

  void unicode_words() {
    WordBreaker breaker(text_, static_cast<size_t>(spec_.max_word_length));
    Word found;
    if (spec_.cjk_bigrams)
      while (breaker.next(found)) word_or_run(found);
    else
      while (breaker.next(found)) word(found);
  }

  void dictionary_words() {
    UErrorCode status = U_ZERO_ERROR;
    UText utext = UTEXT_INITIALIZER;
    utext_openUTF8(&utext, text_.data(), static_cast<int64_t>(text_.size()), &status);
    dictionary_->setText(&utext, status);
    COPPICE_CHECK(U_SUCCESS(status), u_errorName(status));
    int32_t begin = dictionary_->first();
    for (int32_t end = dictionary_->next(); end != icu::BreakIterator::DONE;
         begin = end, end = dictionary_->next())
      if (dictionary_->getRuleStatus() >= UBRK_WORD_NONE_LIMIT)
        cut({static_cast<size_t>(begin), static_cast<size_t>(end)});
    utext_close(&utext);
  }

  void whitespace_words() {
    size_t begin = 0;
    for (size_t at = 0; at <= text_.size();) {
      const size_t here = at;
      bool space = at == text_.size();
      if (space)
        ++at;
      else if (utf8_sequence(text_.substr(at, 4)) == 0)
        ++at;
      else
        space = is_space(next_character(text_, at));
      if (!space) continue;
      if (here > begin) cut({begin, here});
      begin = at;
    }
  }

  // Hands on a word in parts of at most max_word_length UTF-16 units.
  void cut(TextRange range) {
    size_t begin = range.begin;
    if (range.end - range.begin > static_cast<size_t>(spec_.max_word_length)) {
      int units = 0;
      for (size_t at = begin; at < range.end;) {
        const size_t length = std::max<size_t>(1, utf8_sequence(text_.substr(at, 4)));
        const int here = length == 4 ? 2 : 1;
        if (units + here > spec_.max_word_length && at > begin) {
          word({{begin, at}});
          begin = at;
          units = 0;
        }
        units += here;
        at += length;
      }
    }
    word({{begin, range.end}});
  }

  // Characters that form pairs are gathered as long as they touch.
  void word_or_run(const Word& found) {
    if (!run_.empty() && run_.back().end != found.begin) flush_run();
    if (found.kind != WordKind::ideograph && found.kind != WordKind::katakana &&
        found.kind != WordKind::hangul) {
      flush_run();
      return word(found);
    }
    for (size_t at = found.begin; at < found.end;) {
      const size_t begin = at;
      const char32_t c = next_character(text_, at);
      if (begin > found.begin && is_mark(c))
        run_.back().end = at;
      else
        run_.push_back({begin, at});
    }
  }

  void flush_run() {
    if (run_.size() == 1) word({run_.front()});
    for (size_t i = 1; i < run_.size(); ++i) word({{run_[i - 1].begin, run_[i].end}});
    run_.clear();
  }

  void word(const Word& range) {
    const std::string_view raw = text_.substr(range.begin, range.end - range.begin);
    std::string_view term;
    if (raw.size() <= TermCache::longest_word) {
      const auto key = TermCache::key(raw, text_.size() - range.begin);
      if (!cache_.find(key, term)) {
        term = make_term(raw);
        cache_.put(key, term);
      }
    } else {
      term = make_term(raw);
    }
    if (!term.empty()) {
      if (spec_.ngram_min > 0)
        ngrams(range, term);
      else
        emit(range, term);
    }
    ++position_;
  }

  void emit(const TextRange& range, std::string_view term) {
    auto& into = *into_;
    const size_t begin = into.terms.size();
    if (begin + term.size() > std::numeric_limits<uint32_t>::max())
      throw Error({.where = "text", .found = "more than 4 GiB of terms", .expected = "a shorter text"},
                  Fault::resource);
    into.terms.append(term);
    into.tokens.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(term.size()), position_,
                           static_cast<uint32_t>(range.begin), static_cast<uint32_t>(range.end)});
  }

  // All n-grams of a term; one that has no more than ngram_min characters stays whole.
  void ngrams(const TextRange& range, std::string_view term) {
    bounds_.clear();
    for (size_t at = 0; at < term.size(); at += utf8_length(term[at])) bounds_.push_back(at);
    const size_t characters = bounds_.size();
    bounds_.push_back(term.size());
    const auto shortest = static_cast<size_t>(spec_.ngram_min),
               longest = static_cast<size_t>(spec_.ngram_max);
    if (characters <= shortest) return emit(range, term);
    for (size_t begin = 0; begin + shortest <= characters; ++begin)
      for (size_t n = shortest; n <= longest && begin + n <= characters; ++n)
        emit(range, term.substr(bounds_[begin], bounds_[begin + n] - bounds_[begin]));
  }

  // The term of a word as it stands in the text; empty if it is left out. Valid until the next call.
  std::string_view make_term(std::string_view raw) {
    std::string sound;
    if (!is_utf8(raw)) raw = sound = to_utf8(raw);
    lower_.clear();
    if (spec_.lowercase)
      append_lower_case(raw, spec_.turkic_case, lower_);
    else
      lower_ = raw;
    std::string_view term = lower_;
    if (spec_.possessive && (term.ends_with('s') || term.ends_with('S'))) {
      const auto rest = term.substr(0, term.size() - 1);
      if (const size_t mark = apostrophe_before(rest)) term = rest.substr(0, rest.size() - mark);
    }
    if (!elision_.empty()) term = without_elision(term);
    if (stop_words_.contains(term)) return {};
    if (stemmer_ && !term.empty()) {
      stemmer_->stem(term, stem_);
      term = stem_;
    }
    if (spec_.fold_accents) {
      fold_accents(term, folded_);
      term = folded_;
    }
    return term;
  }

  // l'avion -> avion, where l is among the words that are elided.
  std::string_view without_elision(std::string_view term) const {
    for (size_t at = 1; at < term.size(); ++at) {
      const size_t mark = apostrophe_before(term.substr(0, at));
      if (mark == 0) continue;
      return elision_.contains(term.substr(0, at - mark)) ? term.substr(at) : term;
    }
    return term;
  }

  AnalyzerSpec spec_;
  std::unique_ptr<Stemmer> stemmer_;
  std::unique_ptr<icu::BreakIterator> dictionary_;
  WordSet stop_words_, elision_;
  TermCache cache_;

  // Of the text at hand.
  std::string_view text_;
  AnalyzedText* into_ = nullptr;
  uint32_t position_ = 0;
  std::vector<TextRange> run_;
  std::vector<size_t> bounds_;
  std::string lower_, stem_, folded_;
};

}  // namespace

std::unique_ptr<Analyzer> make_analyzer(const AnalyzerSpec& spec) {
  return std::make_unique<ChainAnalyzer>(spec);
}

}  // namespace coppice
