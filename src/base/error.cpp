#include "base/error.h"

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace coppice {
namespace {

// Foreign names may hold anything; an error stays one readable line.
std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", c);
    else
      out += c;
  }
  return out;
}

std::string sentence(const Complaint& c) {
  std::string text = c.where;
  auto append = [&text](std::string_view separator, std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += separator;
    text += part;
  };
  append(": ", c.found);
  append(c.found.empty() ? ": expected " : ", expected ", c.expected);
  append("; ", c.advice);
  return text;
}

}  // namespace

Error::Error(const Complaint& complaint, Fault fault)
    : std::runtime_error(one_line(to_utf8(sentence(complaint)))), fault_(fault) {}

void check_failed(const char* condition, const char* file, int line, std::string_view detail) {
  throw InternalError(fmt::format("internal check failed at {}:{}: {}{}{}", file, line, condition,
                                  detail.empty() ? "" : ": ", detail));
}

Error system_error(std::string_view action, std::string_view path) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT || code == ENOMEM || code == EFBIG;
  return Error({.where = std::string(path),
                .found = fmt::format("cannot {}: {}", action, std::strerror(code)),
                .advice = full ? "free some space and run again" : ""},
               full ? Fault::resource : Fault::input);
}

}  // namespace coppice
