#include "text/analysis/analyzer.h"

#include <gmock/gmock.h>

#include "support.h"

namespace coppice {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> terms_of(const AnalyzerSpec& spec, std::string_view text) {
  AnalyzedText analyzed;
  make_analyzer(spec)->analyze(text, analyzed);
  std::vector<std::string> terms;
  for (size_t i = 0; i < analyzed.tokens.size(); ++i) terms.emplace_back(analyzed.term(i));
  return terms;
}

TEST(Analyzer, English) {
  EXPECT_THAT(terms_of(analyzer_preset("english"), "The runners' shoes weren't John's; 3.14 of U.S.A. a_b x:y"),
              ElementsAre("runner", "shoe", "weren't", "john", "3.14", "u.s.a", "a_b", "x:y"));
}

}  // namespace
}  // namespace coppice
