#pragma once
// Text analysis for search: a text becomes terms with positions and places. The steps, in this order, are those of
// Lucene's analyzers: words, elision and possessives off, lower case, stop words, stem, accents, n-grams.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"

namespace coppice {

// Tokens of one text. Reused from text to text, so that indexing allocates nothing per document.
struct AnalyzedText {
  struct Token {
    uint32_t term_begin, term_size;  // in `terms`
    uint32_t position;               // counts removed stop words too, as Lucene's position increments do
    uint32_t begin, end;             // bytes of the analysed text, on character bounds, for snippets
  };
  std::string terms;
  std::vector<Token> tokens;

  std::string_view term(size_t i) const {
    return std::string_view(terms).substr(tokens[i].term_begin, tokens[i].term_size);
  }
  void clear() {
    terms.clear();
    tokens.clear();
  }
};

// How a text is cut into words.
enum class WordRule {
  unicode,     // Unicode Standard Annex 29 as Lucene's StandardTokenizer has it
  dictionary,  // the same by ICU, with its dictionaries for Thai, Lao, Khmer, Burmese, Chinese and Japanese
  whitespace,  // whatever stands between white space
  keyword,     // the whole text is one word
};
template <>
struct EnumNames<WordRule> {
  static constexpr auto values = std::to_array<std::pair<WordRule, const char*>>({
      {WordRule::unicode, "unicode"},
      {WordRule::dictionary, "dictionary"},
      {WordRule::whitespace, "whitespace"},
      {WordRule::keyword, "keyword"},
  });
};

// An index keeps the whole of it, stop words included, so that a later release analyses queries in the same way.
struct AnalyzerSpec {
  std::string name = "standard";
  WordRule words = WordRule::unicode;
  int max_word_length = 255;
  std::vector<std::string> elision;
  bool possessive = false;
  bool lowercase = true;
  bool turkic_case = false;
  std::vector<std::string> stop_words;
  std::string stemmer = "none";
  bool fold_accents = false;
  bool cjk_bigrams = false;
  int ngram_min = 0;
  int ngram_max = 0;

  static void fields(auto& self, auto&& field) {
    field("name", self.name, {.help = "the preset it comes from; names it, changes nothing"});
    field("words", self.words, {.help = "how a text is cut into words"});
    field("max_word_length", self.max_word_length,
          {.help = "UTF-16 units of a word; a longer one is cut into several (keyword: no limit)",
           .min = 1,
           .max = 1 << 20});
    field("elision", self.elision,
          {.help = "words that go with the apostrophe behind them, as l' in French"});
    field("possessive", self.possessive, {.help = "take off a final 's"});
    field("lowercase", self.lowercase, {.help = "lower case, character by character"});
    field("turkic_case", self.turkic_case, {.help = "lower-case I to ı, as Turkish and Azeri do"});
    field("stop_words", self.stop_words, {.help = "words to leave out, compared after lower-casing"});
    field("stemmer", self.stemmer,
          {.help = "none, porter (Porter's own program), or a language of the Snowball stemmers"});
    field("fold_accents", self.fold_accents,
          {.help = "after stemming: compatibility forms, and no accents on letters"});
    field("cjk_bigrams", self.cjk_bigrams,
          {.help = "pairs of neighbours in place of single Han, Hiragana, Katakana and Hangul characters"});
    field("ngram_min", self.ngram_min,
          {.help = "shortest character n-gram; 0: whole words", .min = 0, .max = 64});
    field("ngram_max", self.ngram_max, {.help = "longest character n-gram", .min = 0, .max = 64});
  }
};

// Not to be shared by threads: it remembers the terms of frequent words.
class Analyzer {
 public:
  virtual ~Analyzer() = default;

  // Puts the tokens of `text` in place of what `into` held. Bytes that are not UTF-8 stand between words. Of n-grams
  // of one word, all have its position. Errors: a text of 4 GiB or more.
  virtual void analyze(std::string_view text, AnalyzedText& into) = 0;
  virtual const AnalyzerSpec& spec() const = 0;
};

// Errors: an unknown stemmer, names the nearest; n-gram sizes that contradict each other.
std::unique_ptr<Analyzer> make_analyzer(const AnalyzerSpec& spec);

// "english" is Lucene's EnglishAnalyzer; "standard", "whitespace", "keyword", "cjk", "ngram"; or a language by its
// English name or its code ("german", "de"). Errors: an unknown name, with the nearest.
AnalyzerSpec analyzer_preset(std::string_view name);
std::vector<std::string> analyzer_names();

}  // namespace coppice
