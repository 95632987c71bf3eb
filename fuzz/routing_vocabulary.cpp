// The table of a routing vocabulary and a text for it. The input: tokens of a row, tokens of the vocabulary, tokens of
// the text, a byte each; then the table and the text as little-endian int32. Refused with an Error, or every token has
// a routing id of the table, however the text is cut.

#include "text/routing_vocabulary.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  if (size < 3) return 0;
  std::vector<TokenId> numbers((size - 3) / sizeof(TokenId));
  if (!numbers.empty()) std::memcpy(numbers.data(), data + 3, numbers.size() * sizeof(TokenId));
  const size_t length = std::min<size_t>(data[2], numbers.size());
  const auto table = std::span(numbers).first(numbers.size() - length),
             text = std::span(numbers).last(length);
  try {
    const RoutingVocabulary vocabulary(table, data[0], data[1], "input");
    const auto covering = vocabulary.covering(text), ending = vocabulary.ending({}, text);
    COPPICE_CHECK(covering.size() == length && ending.size() == length);
    for (size_t i = 0; i < length; ++i) {
      COPPICE_CHECK(covering[i] >= 0 && covering[i] < vocabulary.size());
      COPPICE_CHECK(ending[i] >= 0 && ending[i] < vocabulary.size());
      COPPICE_CHECK(vocabulary.ending(text.first(i), text.subspan(i, 1)).front() == ending[i]);
    }
  } catch (const Error&) {
  }
  return 0;
}
