// A YAML document of any bytes: refused with an Error, or a bounded document that comes back from its JSON.

#include "base/yaml.h"

#include <cstdint>
#include <string_view>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const coppice::Json document =
        coppice::parse_yaml(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    COPPICE_CHECK(coppice::parse_json(coppice::to_line(document), "again") == document);
  } catch (const coppice::Error&) {
  }
  return 0;
}
