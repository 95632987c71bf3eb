// A chat template of any bytes: refused with an Error, or text of bounded size. The bytes up to the first NUL
// are the template, the rest is the content of the user's message.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"
#include "text/jinja/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t separator = std::min(bytes.find('\0'), size);
  const Json variables = {
      {"messages",
       {{{"role", "system"}, {"content", "Be brief."}},
        {{"role", "user"}, {"content", to_utf8(bytes.substr(std::min(separator + 1, size)))}}}},
      {"tools", {{{"name", "add"}, {"parameters", {{"a", {{"type", "number"}}}, {"b", nullptr}}}}}},
      {"bos_token", "<s>"},
      {"eos_token", "</s>"},
      {"add_generation_prompt", true}};
  const jinja::Limits limits{.steps = 20'000, .bytes = 1 << 20};
  try {
    const std::string text = jinja::Template(bytes.substr(0, separator), "fuzz").render(variables, 0, limits);
    COPPICE_CHECK(static_cast<int64_t>(text.size()) <= limits.bytes && is_utf8(text));
  } catch (const Error&) {
  }
  return 0;
}
