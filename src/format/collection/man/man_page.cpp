// A man page, written with man(7) or mdoc(7), as readable text. The title is its first section, which says its name and
// what it is; metadata say its name, section and date.

#include <algorithm>

#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/man/man_macros.h"
#include "format/collection/man/mdoc_macros.h"
#include "format/collection/markup.h"

namespace coppice {
namespace {

using namespace man;

// A page of one line ".so man1/other.1" stands for that other page.
bool only_points(std::string_view page) {
  for (const auto& line : split(page.substr(0, 4096), '\n')) {
    const auto bare = trim(line);
    if (bare.empty() || bare.starts_with(".\\\"") || bare.starts_with("'\\\"")) continue;
    return bare.starts_with(".so ") && page.size() < 4096;
  }
  return false;
}

bool is_mdoc(std::string_view page) {
  const auto begins = [page](std::string_view macro) {
    return page.starts_with(macro) || page.find("\n" + std::string(macro)) != page.npos;
  };
  return begins(".Dd") || begins(".Sh ");
}

void put_metadata(SourceDocument& document, const char* name, const std::string& value) {
  if (!value.empty()) document.metadata[name] = to_utf8(value);
}

template <class Macros>
std::vector<PageText::Section> sections_of(const std::string& page, const std::string& where,
                                           PageHeader& header) {
  RoffInput input(page, where);
  PageText text;
  Macros macros(input.escapes(), text, header);
  for (RoffLine line; input.next(line);) line.macro.empty() ? macros.text(line) : macros.macro(line);
  return text.take();
}

}  // namespace

bool read_man_page(const std::string& page, SourceDocument& document) {
  if (only_points(page)) return false;
  PageHeader header;
  const auto sections = is_mdoc(page) ? sections_of<MdocMacros>(page, document.where, header)
                                      : sections_of<ManMacros>(page, document.where, header);
  constexpr size_t longest_title = 1000;
  std::string title, text;
  for (const auto& section : sections) {
    const bool first = title.empty() && text.empty();
    if (first && !section.heading.empty() && section.text.size() <= longest_title) {
      title = squeezed(section.text);
      continue;
    }
    if (section.heading.empty() && section.text.empty()) continue;
    if (!text.empty()) text += "\n\n";
    text += section.heading;
    if (!section.heading.empty() && !section.text.empty()) text += '\n';
    text += section.text;
  }
  put_metadata(document, "name", header.name);
  put_metadata(document, "section", header.section);
  put_metadata(document, "date", header.date);
  // Escapes are made of single bytes and may cut a character apart.
  add_field(document, "title", to_utf8(title));
  add_field(document, "text", to_utf8(text));
  return true;
}

}  // namespace coppice
