#include "base/byte_size.h"

#include <charconv>

#include "base/error.h"

namespace coppice {

int64_t parse_byte_size(std::string_view text, const std::string& where) {
  constexpr std::pair<std::string_view, double> units[] = {{"B", 1},        {"KB", 1e3},     {"MB", 1e6},
                                                           {"GB", 1e9},     {"TB", 1e12},    {"KiB", 0x1p10},
                                                           {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view rest = text.substr(static_cast<size_t>(read.ptr - text.data()));
  for (const auto& [name, factor] : units) {
    if (read.ec != std::errc() || rest != name) continue;
    const double bytes = number * factor;
    if (bytes >= 1 && bytes <= 0x1p62) return static_cast<int64_t>(bytes);
  }
  throw Error({.where = where,
               .found = fmt::format("'{}'", text.substr(0, 40)),
               .expected = "a number and its unit, as in 5GB, 500MB or 2GiB"},
              Fault::usage);
}

}  // namespace coppice
