#pragma once
// Short lists of function words, by language.

#include <string>
#include <string_view>
#include <vector>

namespace coppice {

// Lucene's 33 for "english"; empty for a language without a list. Our own choice of articles, pronouns, prepositions,
// conjunctions and auxiliary verbs for the others, in lower case.
std::vector<std::string> stop_words(std::string_view language);

}  // namespace coppice
