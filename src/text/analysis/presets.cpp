// The analyzers that have a name.

#include <algorithm>

#include "base/nearest.h"
#include "text/analysis/analyzer.h"
#include "text/analysis/stop_words.h"

namespace coppice {
namespace {

enum class Manner {
  stems,  // words, stop words and the Snowball stemmer of that name
  words,  // words alone
  ngrams,  // 4-grams: much inflected, and without a stemmer (McNamee and Mayfield, Information Retrieval 7, 2004)
  bigrams,     // pairs of characters
  dictionary,  // words by ICU's dictionary
};

struct Language {
  const char *code, *name;
  Manner manner;
};

constexpr Language languages[] = {
    {"ar", "arabic", Manner::stems},       {"hy", "armenian", Manner::stems},
    {"eu", "basque", Manner::stems},       {"ca", "catalan", Manner::stems},
    {"da", "danish", Manner::stems},       {"nl", "dutch", Manner::stems},
    {"fi", "finnish", Manner::stems},      {"fr", "french", Manner::stems},
    {"de", "german", Manner::stems},       {"el", "greek", Manner::stems},
    {"hi", "hindi", Manner::stems},        {"hu", "hungarian", Manner::stems},
    {"id", "indonesian", Manner::stems},   {"ga", "irish", Manner::stems},
    {"it", "italian", Manner::stems},      {"lt", "lithuanian", Manner::stems},
    {"ne", "nepali", Manner::stems},       {"no", "norwegian", Manner::stems},
    {"pt", "portuguese", Manner::stems},   {"ro", "romanian", Manner::stems},
    {"ru", "russian", Manner::stems},      {"sr", "serbian", Manner::stems},
    {"es", "spanish", Manner::stems},      {"sv", "swedish", Manner::stems},
    {"ta", "tamil", Manner::stems},        {"tr", "turkish", Manner::stems},
    {"yi", "yiddish", Manner::stems},      {"am", "amharic", Manner::words},
    {"sw", "swahili", Manner::words},      {"vi", "vietnamese", Manner::words},
    {"bn", "bengali", Manner::words},      {"fa", "persian", Manner::words},
    {"he", "hebrew", Manner::words},       {"bg", "bulgarian", Manner::ngrams},
    {"cs", "czech", Manner::ngrams},       {"et", "estonian", Manner::ngrams},
    {"hr", "croatian", Manner::ngrams},    {"lv", "latvian", Manner::ngrams},
    {"pl", "polish", Manner::ngrams},      {"sk", "slovak", Manner::ngrams},
    {"sl", "slovenian", Manner::ngrams},   {"uk", "ukrainian", Manner::ngrams},
    {"zh", "chinese", Manner::bigrams},    {"ja", "japanese", Manner::bigrams},
    {"ko", "korean", Manner::bigrams},     {"th", "thai", Manner::dictionary},
    {"lo", "lao", Manner::dictionary},     {"km", "khmer", Manner::dictionary},
    {"my", "burmese", Manner::dictionary},
};

// Articles, pronouns and the like that lose a vowel before another.
std::vector<std::string> elided_words(std::string_view language) {
  if (language == "french")
    return {"l", "m", "t", "qu", "n", "s", "j", "d", "c", "jusqu", "quoiqu", "lorsqu", "puisqu"};
  if (language == "italian")
    return {"c",    "l",    "all",  "dall", "dell", "nell", "sull", "coll", "pell", "gl",    "agl",  "dagl",
            "degl", "negl", "sugl", "un",   "m",    "t",    "s",    "v",    "d",    "quest", "quell"};
  if (language == "catalan") return {"d", "l", "m", "n", "s", "t"};
  if (language == "irish") return {"d", "m", "b"};
  return {};
}

AnalyzerSpec of_language(const Language& language) {
  AnalyzerSpec spec{.name = language.name};
  switch (language.manner) {
    case Manner::stems:
      spec.stop_words = stop_words(language.name);
      spec.elision = elided_words(language.name);
      spec.stemmer = language.name;
      spec.turkic_case = spec.name == "turkish";
      break;
    case Manner::words:
      break;
    case Manner::ngrams:
      spec.ngram_min = spec.ngram_max = 4;
      break;
    case Manner::bigrams:
      spec.cjk_bigrams = spec.fold_accents = true;
      break;
    case Manner::dictionary:
      spec.words = WordRule::dictionary;
      break;
  }
  return spec;
}

}  // namespace

AnalyzerSpec analyzer_preset(std::string_view name) {
  if (name == "english" || name == "en")
    return {.name = "english", .possessive = true, .stop_words = stop_words("english"), .stemmer = "porter"};
  if (name == "standard") return {.name = "standard"};
  if (name == "whitespace") return {.name = "whitespace", .words = WordRule::whitespace, .lowercase = false};
  if (name == "keyword") return {.name = "keyword", .words = WordRule::keyword, .lowercase = false};
  if (name == "cjk") return {.name = "cjk", .fold_accents = true, .cjk_bigrams = true};
  if (name == "ngram") return {.name = "ngram", .fold_accents = true, .ngram_min = 4, .ngram_max = 4};
  for (const auto& language : languages)
    if (name == language.code || name == language.name) return of_language(language);
  throw Error({.where = "analyzer",
               .found = fmt::format("unknown analyzer or language '{}'", name),
               .advice = suggest(name, analyzer_names())},
              Fault::usage);
}

std::vector<std::string> analyzer_names() {
  std::vector<std::string> names = {"english", "standard", "whitespace", "keyword", "cjk", "ngram"};
  for (const auto& language : languages) names.emplace_back(language.name);
  return names;
}

}  // namespace coppice
