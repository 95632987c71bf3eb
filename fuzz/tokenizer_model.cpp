// tokenizer.model. The first byte is the length of the text to encode, which comes next; the rest is the
// file.

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t length = size == 0 ? 0 : data[0];
  if (size > 0) bytes.remove_prefix(1);
  const std::string_view text = bytes.substr(0, length);
  try {
    const auto tokenizer = coppice::read_sentencepiece_tokenizer(bytes.substr(text.size()), {}, "fuzz");
    const auto ids = tokenizer->encode(text);
    tokenizer->decode(ids);
    tokenizer->decode(ids, false);
    tokenizer->leading_token();
  } catch (const coppice::Error&) {
  }
  return 0;
}
