// tokenizer.json and the text it encodes: the bytes up to the first NUL are the file, the rest is the text.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/pipeline_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t separator = std::min(bytes.find('\0'), size);
  const std::string_view text = bytes.substr(std::min(separator + 1, size));
  try {
    const auto tokenizer = coppice::read_pipeline_tokenizer(bytes.substr(0, separator), "fuzz");
    const auto ids = tokenizer->encode(text);
    tokenizer->decode(ids);
    coppice::StreamDecoder decoder(*tokenizer);
    for (const auto id : ids) decoder.push(id);
    decoder.finish();
    tokenizer->leading_token();
  } catch (const coppice::Error&) {
  }
  return 0;
}
