#pragma once
// The stemmer of M. F. Porter, An algorithm for suffix stripping, Program 14(3), 1980, with the three departures of his
// own program, which Lucene's PorterStemFilter has too: words of one or two letters stay, "bli" becomes "ble" (published:
// "abli" becomes "able"), "logi" becomes "log".

#include <string>
#include <string_view>

namespace coppice {

// The stem of a word in lower case. Letters other than a, e, i, o, u, y are consonants, in any script. With
// `as_published`, without the departures but for the first.
void porter_stem(std::string_view word, std::string& stem, bool as_published = false);

}  // namespace coppice
