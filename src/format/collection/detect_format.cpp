#include "format/collection/detect_format.h"

#include <utility>

#include "base/strings.h"
#include "format/byte_source.h"
#include "format/collection/markup.h"

namespace coppice {
namespace {

constexpr std::pair<std::string_view, CollectionFormat> extensions[] = {
    {".jsonl", CollectionFormat::jsonl},       {".ndjson", CollectionFormat::jsonl},
    {".json", CollectionFormat::jsonl},        {".tsv", CollectionFormat::tsv},
    {".tab", CollectionFormat::tsv},           {".csv", CollectionFormat::csv},
    {".trec", CollectionFormat::trec},         {".sgml", CollectionFormat::trec},
    {".trectext", CollectionFormat::trec},     {".trecweb", CollectionFormat::trec},
    {".txt", CollectionFormat::text},          {".text", CollectionFormat::text},
    {".rst", CollectionFormat::text},          {".adoc", CollectionFormat::text},
    {".org", CollectionFormat::text},          {".md", CollectionFormat::markdown},
    {".markdown", CollectionFormat::markdown}, {".html", CollectionFormat::html},
    {".htm", CollectionFormat::html},          {".xhtml", CollectionFormat::html},
};

// tar.1, ls.1posix, printf.3, Tcl.n.
bool is_man_extension(std::string_view extension) {
  if (extension.size() < 2 || extension.size() > 12) return false;
  if (extension == ".n" || extension == ".l") return true;
  if (extension[1] < '1' || extension[1] > '9') return false;
  for (const char c : extension.substr(2))
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')) return false;
  return true;
}

}  // namespace

CollectionFormat format_by_name(const std::filesystem::path& path) {
  const std::string extension = to_lower_ascii(without_packing(path).extension().string());
  for (const auto& [known, format] : extensions)
    if (known == extension) return format;
  return is_man_extension(extension) ? CollectionFormat::man : CollectionFormat::automatic;
}

CollectionFormat format_by_content(std::string_view begin) {
  if (begin.starts_with("\xEF\xBB\xBF")) begin.remove_prefix(3);
  begin = trim(begin);
  if (begin.starts_with('{')) return CollectionFormat::jsonl;
  if (begin.starts_with(".I ")) return CollectionFormat::smart;
  const std::string lower = to_lower_ascii(begin.substr(0, 1024));
  if (lower.starts_with("<doc>") || lower.find("\n<doc>") != lower.npos) return CollectionFormat::trec;
  if (lower.starts_with("<!doctype html") || lower.starts_with("<html")) return CollectionFormat::html;
  return CollectionFormat::automatic;
}

bool is_whole_file(CollectionFormat format) {
  return format == CollectionFormat::text || format == CollectionFormat::html ||
         format == CollectionFormat::markdown || format == CollectionFormat::man;
}

std::string first_bytes(const std::filesystem::path& path) {
  constexpr size_t some = 4096;
  std::string bytes(some, '\0');
  try {
    ByteSource source(path);
    bytes.resize(source.read(bytes.data(), bytes.size()));
  } catch (const Error&) {
    bytes.clear();
  }
  return bytes;
}

}  // namespace coppice
