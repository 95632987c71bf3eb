#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/strings.h"
#include "net/hub.h"

namespace coppice {
namespace {

constexpr size_t max_path_bytes = 1024, max_name_bytes = 255;

// Why `path` must not be appended to a directory, or empty.
std::string danger_of(const std::string& path) {
  if (path.empty()) return "an empty path";
  if (path.size() > max_path_bytes) return "a path that is too long";
  if (!is_utf8(path)) return "a path that is not UTF-8";
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\')
      return "a path with control characters or '\\'";
  for (const auto& name : split(path, '/')) {
    if (name.empty()) return "a path that is absolute or has an empty part";
    if (name == "." || name == "..") return "a path with '.' or '..'";
    if (name.size() > max_name_bytes) return "a path with a name that is too long";
  }
  return "";
}

// A string at `key`, empty if there is none or a null; an Error if it is something else.
std::string optional_text(const nlohmann::json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  if (!found->is_string())
    throw Error({.where = where + "." + key, .found = found->type_name(), .expected = "a string"});
  return found->get<std::string>();
}

std::optional<int64_t> optional_size(const nlohmann::json& object, const std::string& where) {
  const auto found = object.find("size");
  if (found == object.end() || found->is_null()) return std::nullopt;
  const bool fits = found->is_number_integer() &&
                    (!found->is_number_unsigned() || found->get<uint64_t>() < uint64_t{1} << 62);
  if (!fits || found->get<int64_t>() < 0)
    throw Error({.where = where + ".size", .found = found->dump(), .expected = "a number of bytes"});
  return found->get<int64_t>();
}

void check_digits(const std::string& text, size_t digits, const std::string& where) {
  if (text.empty() || is_hexadecimal(text, digits)) return;
  throw Error({.where = where,
               .found = fmt::format("'{}'", text.substr(0, 80)),
               .expected = fmt::format("{} hexadecimal digits", digits)});
}

HubFile read_file_entry(const nlohmann::json& entry, const std::string& where) {
  if (!entry.is_object()) throw Error({.where = where, .found = entry.type_name(), .expected = "an object"});
  HubFile file;
  file.path = optional_text(entry, "rfilename", where);
  if (const std::string danger = danger_of(file.path); !danger.empty())
    throw Error({.where = where,
                 .found = fmt::format("{}: '{}'", danger, file.path.substr(0, 200)),
                 .expected = "paths inside the repository",
                 .advice = "do not trust this repository"});
  file.size = optional_size(entry, where);
  const auto lfs = entry.find("lfs");
  if (lfs == entry.end() || lfs->is_null()) {
    file.digest.git_blob = optional_text(entry, "blobId", where);
    check_digits(file.digest.git_blob, 40, where + ".blobId");
    return file;
  }
  // Git knows only the pointer of a file in LFS, so its blob id says nothing of the content.
  if (!lfs->is_object())
    throw Error({.where = where + ".lfs", .found = lfs->type_name(), .expected = "an object"});
  file.digest.sha256 = optional_text(*lfs, "sha256", where + ".lfs");
  check_digits(file.digest.sha256, 64, where + ".lfs.sha256");
  if (const auto size = optional_size(*lfs, where + ".lfs")) {
    if (file.size && *file.size != *size)
      throw Error({.where = where + ".lfs.size",
                   .found = std::to_string(*size),
                   .expected = std::to_string(*file.size)});
    file.size = size;
  }
  return file;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(), [](unsigned char c) { return std::tolower(c); });
  return copy;
}

bool ends_with_any(std::string_view name, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* ending) { return name.ends_with(ending); });
}

bool is_weights(std::string_view path) {
  return path.ends_with(".safetensors");
}

bool is_pickle(const std::string& path) {
  return ends_with_any(lower(path), {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"});
}

bool is_readable_here(const std::string& path) {
  const std::string name = lower(file_name(path));
  if (ends_with_any(name, {".safetensors", ".json", ".txt", ".model", ".jinja", ".md"})) return true;
  // LICENSE, LICENCE.rst, NOTICE: what one must have beside the weights.
  return name.starts_with("license") || name.starts_with("licence") || name.starts_with("notice");
}

// Mistral's own copy of weights that lie beside it under the usual name as well.
bool is_spare_copy(std::string_view path, const std::set<std::string_view>& all) {
  return path.starts_with("consolidated") && is_weights(path) &&
         (all.contains("model.safetensors") || all.contains("model.safetensors.index.json"));
}

}  // namespace

HubListing parse_hub_listing(std::string_view text, const std::string& where) {
  const auto json = parse_large_json(text, where);
  constexpr const char* expected = "a model's listing by the Hugging Face Hub API";
  if (!json.is_object()) throw Error({.where = where, .found = json.type_name(), .expected = expected});
  HubListing listing;
  listing.commit = optional_text(json, "sha", where);
  if (!is_hexadecimal(listing.commit, 40))
    throw Error({.where = where + ".sha",
                 .found = fmt::format("'{}'", listing.commit.substr(0, 80)),
                 .expected = "the commit, 40 hexadecimal digits"});
  const auto siblings = json.find("siblings");
  if (siblings == json.end() || !siblings->is_array())
    throw Error({.where = where, .found = "no list 'siblings'", .expected = expected});
  std::set<std::string> seen;
  for (size_t i = 0; i < siblings->size(); ++i) {
    const std::string place = fmt::format("{}.siblings[{}]", where, i);
    listing.files.push_back(read_file_entry((*siblings)[i], place));
    if (const auto& path = listing.files.back().path; !seen.insert(path).second)
      throw Error({.where = place, .found = fmt::format("'{}' again", path), .expected = "every file once"});
  }
  return listing;
}

FileSelection select_model_files(const HubListing& listing, const std::string& where) {
  std::set<std::string_view> all;
  for (const auto& file : listing.files) all.insert(file.path);
  FileSelection selection;
  std::string pickle;
  for (const auto& file : listing.files) {
    const bool wanted = is_readable_here(file.path) && !is_spare_copy(file.path, all);
    if (wanted)
      selection.wanted.push_back(file);
    else
      selection.left_out.push_back(file.path);
    if (wanted && is_weights(file.path)) selection.weights = true;
    if (is_pickle(file.path) && pickle.empty()) pickle = file.path;
  }
  if (!selection.weights && !pickle.empty())
    throw Error(
        {.where = where,
         .found = fmt::format("weights only as pickles ({}), which are never read because they can run code",
                              pickle),
         .expected = "safetensors",
         .advice =
             "look for a conversion among the repository's pull requests (--revision refs/pr/N), or for "
             "another repository of the model"});
  if (selection.wanted.empty()) throw Error({.where = where, .found = "no file of a model"});
  return selection;
}

}  // namespace coppice
