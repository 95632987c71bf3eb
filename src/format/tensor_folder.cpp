#include <set>

#include "base/error.h"
#include "base/json.h"
#include "format/safetensors.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";

// A name that cannot lead out of the directory.
void check_shard_name(const std::string& name, const std::string& where) {
  const bool plain = name.ends_with(".safetensors") && name.find('/') == name.npos &&
                     name.find('\\') == name.npos && name.find('\0') == name.npos && name.front() != '.';
  if (!plain)
    throw Error({.where = where,
                 .found = fmt::format("shard '{}'", name.substr(0, 80)),
                 .expected = "the plain name of a .safetensors file beside the index"});
}

Error no_tensors(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const auto extension = entry.path().extension();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt")
      return Error(
          {.where = directory.string(),
           .found = fmt::format("weights only as {}, a pickle, which is never read because it can run code",
                                entry.path().filename().string()),
           .expected = single_name,
           .advice = "convert it to safetensors with the tool that made it"});
  }
  return Error({.where = directory.string(),
                .found = "no weights",
                .expected = fmt::format("{} or {}", single_name, index_name),
                .advice = perhaps_incomplete});
}

}  // namespace

std::map<std::string, std::string> parse_shard_index(std::string_view text, const std::string& where) {
  const auto json = parse_large_json(text, where, perhaps_incomplete);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    throw Error({.where = where, .found = "no weight_map", .expected = "an object with a weight_map"});
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : json["weight_map"].items()) {
    const std::string place = where + ": " + tensor;
    if (!shard.is_string())
      throw Error({.where = place, .found = shard.type_name(), .expected = "the name of a shard"});
    const auto name = shard.get<std::string>();
    check_shard_name(name, place);
    shards[tensor] = name;
  }
  if (shards.empty()) throw Error({.where = where, .found = "an empty weight_map"});
  return shards;
}

TensorFolder::TensorFolder(const fs::path& directory) {
  if (!fs::is_directory(directory))
    throw Error({.where = directory.string(),
                 .found = fs::exists(directory) ? "not a directory" : "no such directory",
                 .expected = "a model directory"});
  if (fs::exists(directory / single_name)) {
    files_.emplace_back(directory / single_name);
    for (const auto& tensor : files_.front().tensors()) by_name_.emplace(tensor.name, &tensor);
  } else if (fs::exists(directory / index_name)) {
    open_shards(directory);
  } else {
    throw no_tensors(directory);
  }
}

void TensorFolder::open_shards(const fs::path& directory) {
  const fs::path index = directory / index_name;
  const auto shard_of = parse_shard_index(read_file(index), index.string());
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : shard_of) shards.insert(shard);
  for (const auto& shard : shards) {
    const fs::path path = directory / shard;
    if (!fs::exists(path))
      throw Error({.where = path.string(),
                   .found = "no such file",
                   .expected = "the shard that the index names",
                   .advice = perhaps_incomplete});
    files_.emplace_back(path);
    for (const auto& tensor : files_.back().tensors()) {
      const auto listed = shard_of.find(tensor.name);
      if (listed == shard_of.end() || listed->second != shard)
        throw Error({.where = path.string() + ": " + tensor.name,
                     .found = listed == shard_of.end() ? "a tensor that the index does not list"
                                                       : "a tensor that the index has in " + listed->second});
      by_name_.emplace(tensor.name, &tensor);
    }
  }
  for (const auto& [tensor, shard] : shard_of)
    if (!by_name_.contains(tensor))
      throw Error({.where = (directory / shard).string(),
                   .found = fmt::format("no tensor '{}'", tensor),
                   .expected = "the tensors that the index lists",
                   .advice = perhaps_incomplete});
}

const TensorView* TensorFolder::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const MappedFile& TensorFolder::file_of(std::span<const std::byte> bytes) const {
  const auto found = std::ranges::find_if(files_, [&](const SafetensorsFile& file) {
    const auto all = file.file().bytes();
    return bytes.data() >= all.data() && bytes.data() < all.data() + all.size();
  });
  COPPICE_CHECK(found != files_.end(), "bytes of one of the files");
  return found->file();
}

std::vector<std::string> TensorFolder::names() const {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : by_name_) result.push_back(name);
  return result;
}

int64_t TensorFolder::total_bytes() const {
  int64_t total = 0;
  for (const auto& [name, tensor] : by_name_) total += static_cast<int64_t>(tensor->bytes.size());
  return total;
}

}  // namespace coppice
