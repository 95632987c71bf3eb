// Text analysis: Lucene's EnglishAnalyzer by what is known of it, our steps against ICU and libstemmer.

#include "text/analysis/analyzer.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <libstemmer.h>
#include <unicode/brkiter.h>
#include <unicode/uchar.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/strings.h"
#include "support.h"
#include "text/analysis/language_fit.h"
#include "text/analysis/porter.h"
#include "text/analysis/stemmer.h"
#include "text/analysis/stop_words.h"
#include "text/analysis/word_break.h"
#include "text/utf8.h"

namespace coppice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> terms_of(const AnalyzerSpec& spec, std::string_view text) {
  AnalyzedText analyzed;
  make_analyzer(spec)->analyze(text, analyzed);
  std::vector<std::string> terms;
  for (size_t i = 0; i < analyzed.tokens.size(); ++i) terms.emplace_back(analyzed.term(i));
  return terms;
}

std::vector<std::string> terms_of(const char* preset, std::string_view text) {
  return terms_of(analyzer_preset(preset), text);
}

TEST(Analyzer, English) {
  EXPECT_THAT(terms_of("english", "The runners' shoes weren't John's; 3.14 of U.S.A. a_b x:y"),
              ElementsAre("runner", "shoe", "weren't", "john", "3.14", "u.s.a", "a_b", "x:y"));
}

// EnglishAnalyzer: StandardTokenizer, possessives off, lower case, the 33 stop words, Porter's stemmer.
TEST(Analyzer, EnglishHasTheStepsOfLucene) {
  const auto stop = stop_words("english");
  EXPECT_EQ(stop.size(), 33u);
  EXPECT_THAT(stop, testing::UnorderedElementsAre("a", "an", "and", "are", "as", "at", "be", "but", "by",
                                                  "for", "if", "in", "into", "is", "it", "no", "not", "of",
                                                  "on", "or", "such", "that", "the", "their", "then", "there",
                                                  "these", "they", "this", "to", "was", "will", "with"));
  for (const auto& word : stop) EXPECT_THAT(terms_of("english", word), IsEmpty());
  EXPECT_THAT(terms_of("english", "dog's DOG\u2019S dog\uFF07s dogs' s's"),
              ElementsAre("dog", "dog", "dog", "dog", "s"));
  EXPECT_THAT(terms_of("english", "he she have had were been I we you"),
              ElementsAre("he", "she", "have", "had", "were", "been", "i", "we", "you"))
      << "not among the 33";
  EXPECT_THAT(
      terms_of("english", "wi-fi e-mail C++ C# foo@bar.com http://a.b/c?d=e AT&T can't 10,000.50 naïve Über"),
      ElementsAre("wi", "fi", "e", "mail", "c", "c", "foo", "bar.com", "http", "a.b", "c", "d", "e", "t",
                  "can't", "10,000.50", "naïv", "über"));
  EXPECT_THAT(terms_of("english", "日本語 テスト 한국어 ภาษาไทย"),
              ElementsAre("日", "本", "語", "テスト", "한국어", "ภาษาไทย"));
}

TEST(Analyzer, PositionsCountStopWordsAndPlacesAreOfTheText) {
  AnalyzedText analyzed;
  const std::string text = "The cat's on the Mats";
  make_analyzer(analyzer_preset("english"))->analyze(text, analyzed);
  ASSERT_EQ(analyzed.tokens.size(), 2u);
  EXPECT_EQ(analyzed.tokens[0].position, 1u);
  EXPECT_EQ(analyzed.tokens[1].position, 4u);
  EXPECT_EQ(text.substr(analyzed.tokens[0].begin, analyzed.tokens[0].end - analyzed.tokens[0].begin),
            "cat's");
  EXPECT_EQ(text.substr(analyzed.tokens[1].begin, analyzed.tokens[1].end - analyzed.tokens[1].begin), "Mats");
}

// The published algorithm is libstemmer's "porter", except that libstemmer takes back doubled consonants only of the letters
// that English doubles; Porter's own program, which Lucene's is, takes back others too. No such word is asked for.
TEST(Analyzer, PorterIsSnowballsPorter) {
  sb_stemmer* snowball = sb_stemmer_new("porter", "UTF_8");
  ASSERT_NE(snowball, nullptr);
  Rng rng(1);
  const std::vector<std::string> ends = {
      "",     "s",   "es",   "ies",  "ed",   "ing",   "eed",   "ational", "tional", "izer",
      "ness", "ful", "ical", "ment", "ion",  "able",  "ity",   "ive",     "ly",     "y",
      "e",    "bly", "logy", "ance", "sses", "ement", "ousli", "ation",   "fulness"};
  std::string stem;
  for (int i = 0; i < 50000; ++i) {
    std::string word;
    for (uint64_t letters = 1 + rng.below(7); letters > 0; --letters)
      word += rng.chance(0.4) ? "aeiouy"[rng.below(6)] : static_cast<char>('a' + rng.below(26));
    word += ends[rng.below(ends.size())];
    const auto twin = std::ranges::adjacent_find(word);
    if (word.size() < 3 ||
        (twin != word.end() && std::string_view("chjkqvwxy").find(*twin) != std::string_view::npos))
      continue;
    porter_stem(word, stem, true);
    const auto* theirs = sb_stemmer_stem(snowball, reinterpret_cast<const sb_symbol*>(word.data()),
                                         static_cast<int>(word.size()));
    EXPECT_EQ(stem, std::string(reinterpret_cast<const char*>(theirs),
                                static_cast<size_t>(sb_stemmer_length(snowball))))
        << word;
  }
  sb_stemmer_delete(snowball);
  const auto ours = make_stemmer("porter", "test");
  for (const auto& [word, expected] : std::vector<std::pair<std::string, std::string>>{
           {"archaeology", "archaeolog"}, {"sensibli", "sensibl"}, {"is", "is"}, {"caresses", "caress"}}) {
    ours->stem(word, stem);
    EXPECT_EQ(stem, expected);
  }
}

// The words of ICU's breaker that have a letter or digit, on text of many languages; scripts of which Lucene departs from it
// are left out.
TEST(Analyzer, WordsAreThoseOfIcu) {
  COPPICE_NEEDS_DATA("multilingual-text");
  for (const char* language :
       {"eng", "fra", "pol", "rus", "tur", "vie", "heb", "arb", "hin", "amh", "tir", "nld", "spa", "kor"}) {
    std::string text =
        read_file(test::data_folder() / "multilingual-text/udhr" / (std::string(language) + ".txt"));
    // ICU breaks Hangul at a middle dot; Unicode's rules do not.
    for (size_t dot; (dot = text.find("·")) != std::string::npos && std::string_view(language) == "kor";)
      text.replace(dot, std::string_view("·").size(), " ");
    std::vector<std::string> ours, theirs;
    WordBreaker breaker(text, 255);
    for (Word word; breaker.next(word);) ours.push_back(text.substr(word.begin, word.end - word.begin));
    UErrorCode error = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> icu_breaker(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), error));
    ASSERT_TRUE(U_SUCCESS(error));
    const auto wide = icu::UnicodeString::fromUTF8(text);
    icu_breaker->setText(wide);
    for (int32_t begin = icu_breaker->first(), end = icu_breaker->next(); end != icu::BreakIterator::DONE;
         begin = end, end = icu_breaker->next()) {
      if (icu_breaker->getRuleStatus() == UBRK_WORD_NONE) continue;
      std::string word;
      wide.tempSubStringBetween(begin, end).toUTF8String(word);
      theirs.push_back(word);
    }
    EXPECT_EQ(ours, theirs) << language;
  }
}

TEST(Analyzer, LanguagesWithoutAStemmerHaveNgrams) {
  EXPECT_THAT(terms_of("polish", "kotami"), ElementsAre("kota", "otam", "tami"));
  EXPECT_THAT(terms_of("polish", "kot"), ElementsAre("kot"));
  EXPECT_THAT(terms_of("ngram", "Żółć ab"), ElementsAre("zolc", "ab"));
  EXPECT_THAT(terms_of("chinese", "我爱你 x"), ElementsAre("我爱", "爱你", "x"));
  EXPECT_THAT(terms_of("amharic", "ዘጠኝ ግብ።"), ElementsAre("ዘጠኝ", "ግብ"));
  EXPECT_GT(terms_of("thai", "ภาษาไทยง่าย").size(), 1u);
  EXPECT_THAT(terms_of("french", "L'avion d’été qu'elles"), testing::Not(testing::Contains(HasSubstr("'"))));
}

TEST(Analyzer, UnknownNamesGetTheNearest) {
  EXPECT_THAT(test::error_of([] { analyzer_preset("englsh"); }, Fault::usage), HasSubstr("english"));
  for (const auto& name : analyzer_names())
    EXPECT_THAT(terms_of(name.c_str(), "word"), testing::Not(IsEmpty())) << name;
}

TEST(Analyzer, TakesAnyBytes) {
  Rng rng(1);
  for (const auto& name : analyzer_names()) {
    const auto analyzer = make_analyzer(analyzer_preset(name));
    AnalyzedText analyzed;
    for (int i = 0; i < 30; ++i) {
      std::string bytes;
      for (uint64_t n = rng.below(200); n > 0; --n)
        if (rng.chance(0.5))
          bytes += static_cast<char>(rng.next());
        else
          append_character(bytes, static_cast<char32_t>(rng.chance(0.5) ? 0x20 + rng.below(0x60)
                                                                        : 0x100 + rng.below(0xD000)));
      analyzer->analyze(bytes, analyzed);
      for (size_t token = 0; token < analyzed.tokens.size(); ++token) {
        EXPECT_TRUE(is_utf8(analyzed.term(token))) << name;
        EXPECT_LE(analyzed.tokens[token].end, bytes.size());
        EXPECT_LT(analyzed.tokens[token].begin, analyzed.tokens[token].end);
      }
    }
  }
}

TEST(LanguageFit, SaysForWhichScriptAnAnalyzerIsNot) {
  const auto misfit = [](const char* analyzer, const std::string& text) {
    ScriptCensus census;
    for (int i = 0; i < 30; ++i) census.add(text);
    return script_misfit(analyzer_preset(analyzer), census);
  };
  EXPECT_THAT(misfit("english", "ዘጠኝ ግብ"),
              testing::AllOf(HasSubstr("100% of the letters are Ethiopic"), HasSubstr("--analyzer amharic")));
  EXPECT_THAT(misfit("amharic", "plain words"), HasSubstr("Latin"));
  EXPECT_THAT(misfit("english", "привет мир"), HasSubstr("russian"));
  EXPECT_THAT(misfit("standard", "ภาษาไทย"), HasSubstr("thai"));
  for (const auto& [analyzer, text] :
       std::vector<std::pair<const char*, std::string>>{{"amharic", "ዘጠኝ"},
                                                        {"english", "words"},
                                                        {"german", "Wörter"},
                                                        {"russian", "привет"},
                                                        {"standard", "привет"},
                                                        {"chinese", "我爱你"},
                                                        {"japanese", "テスト日本"},
                                                        {"ngram", "ภาษาไทย"},
                                                        {"thai", "ภาษาไทย"},
                                                        {"english", "12 34 --"}})
    EXPECT_EQ(misfit(analyzer, text), "") << analyzer << " " << text;
  ScriptCensus little;
  little.add("ዘጠኝ");
  EXPECT_EQ(script_misfit(analyzer_preset("english"), little), "") << "too little to say";
}

}  // namespace
}  // namespace coppice
