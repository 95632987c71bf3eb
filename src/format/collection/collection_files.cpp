#include "format/collection/collection_files.h"

#include <algorithm>

#include "base/log.h"
#include "format/byte_source.h"
#include "format/collection/decode_text.h"
#include "format/collection/detect_format.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

Error nothing_readable(const fs::path& source, CollectionFormat format) {
  return Error(
      {.where = source.string(),
       .found = format == CollectionFormat::automatic ? "no file that looks like a collection"
                                                      : "no file of the format " + to_string(format),
       .expected =
           "a BEIR directory, or files of JSONL, TSV, CSV, TREC, SMART, text, Markdown, HTML or man pages",
       .advice = "--format says what they are"});
}

// A link to what lies in the folder anyhow would be the same document again.
bool is_repeated(const fs::path& path, const fs::path& root) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return false;
  const auto target = fs::canonical(path, error);
  if (error) return true;
  return std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end();
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  const auto root = fs::canonical(folder);
  const auto options = fs::directory_options::skip_permission_denied;
  for (auto at = fs::recursive_directory_iterator(folder, options); at != fs::recursive_directory_iterator();
       ++at) {
    if (at->path().filename().string().starts_with('.')) {
      if (at->is_directory()) at.disable_recursion_pending();
      continue;
    }
    std::error_code error;
    if (fs::is_regular_file(at->path(), error) && !is_repeated(at->path(), root)) files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string id_of(const fs::path& path, const fs::path& folder) {
  std::string id;
  decode_text(without_packing(path).lexically_relative(folder).generic_string(), id);
  return id;
}

// Of a folder without a format given: what has more bytes, documents that are files or files of many documents.
void keep_the_larger_kind(std::vector<CollectionFile>& files) {
  uint64_t whole = 0, many = 0;
  for (const auto& file : files) (is_whole_file(file.format) ? whole : many) += fs::file_size(file.path);
  const bool keep_whole = whole >= many;
  std::erase_if(files, [&](const CollectionFile& file) { return is_whole_file(file.format) != keep_whole; });
}

std::vector<CollectionFile> files_of_folder(const fs::path& source, CollectionFormat format) {
  using enum CollectionFormat;
  const bool takes_all = format == trec || format == smart || format == lines || format == text;
  std::vector<CollectionFile> files;
  const auto paths = files_below(source);
  for (const auto& path : paths) {
    auto own = takes_all ? format : format_by_name(path);
    if (own == automatic && format == automatic) own = format_by_content(first_bytes(path));
    const bool wanted = own != automatic &&
                        (format == automatic || format == own || (format == folder && is_whole_file(own)));
    if (wanted) files.push_back({path, own, id_of(path, source), own == man && format != man});
  }
  if (format == automatic) keep_the_larger_kind(files);
  if (files.empty()) throw nothing_readable(source, format);
  if (files.size() < paths.size())
    log_info("{}: {} files are read, {} of other kinds are passed over", source.string(), files.size(),
             paths.size() - files.size());
  return files;
}

}  // namespace

fs::path find_packed(const fs::path& folder, const std::string& name) {
  for (const char* packing : {"", ".gz", ".zst"})
    if (auto path = folder / (name + packing); fs::is_regular_file(path)) return path;
  return {};
}

std::vector<CollectionFile> find_collection_files(const fs::path& source, CollectionFormat format) {
  using enum CollectionFormat;
  if (!fs::exists(source))
    throw Error({.where = source.string(), .found = "nothing there", .expected = "a file or a directory"});
  if (fs::is_directory(source)) {
    if (format == beir || format == automatic) {
      if (const auto corpus = find_packed(source, "corpus.jsonl"); !corpus.empty())
        return {{corpus, jsonl, ""}};
      if (format == beir)
        throw Error({.where = source.string(), .found = "no corpus.jsonl", .expected = "a BEIR directory"});
    }
    return files_of_folder(source, format);
  }
  CollectionFile file = {source, format, id_of(source, source.parent_path())};
  if (format == folder)
    throw Error({.where = source.string(), .found = "a file", .expected = "a folder of files"});
  if (format == beir) file.format = jsonl;
  if (format == automatic && !fs::is_regular_file(source))
    throw Error({.where = source.string(),
                 .found = "a pipe, whose beginning can be read only once",
                 .expected = "its format",
                 .advice = "say it with --format, as --format jsonl"},
                Fault::usage);
  if (format == automatic) {
    file.format = format_by_name(source);
    if (file.format == automatic || file.format == text) file.format = format_by_content(first_bytes(source));
    if (file.format == automatic) file.format = lines;
    if (file.format == lines)
      log_info("{}: read as a document per line (--format text: one document)", source.string());
  }
  return {file};
}

}  // namespace coppice
