#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "format/safetensors.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

constexpr size_t alignment = 64;

// Tensors that keep the alignment of what follows come first; the rest by falling element size, which keeps
// each aligned to its own element.
std::vector<const TensorData*> order_of_bytes(std::span<const TensorData> tensors) {
  std::vector<const TensorData*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  const auto misaligns = [](const TensorData* t) {
    return t->bytes.size() % alignment == 0 ? 0 : 1 + (8 - byte_size(t->dtype));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto* a, const auto* b) { return misaligns(a) < misaligns(b); });
  return order;
}

void check_tensors(std::span<const TensorData> tensors) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    COPPICE_CHECK(names.insert(tensor.name).second, "tensor names are unique: " + tensor.name);
    COPPICE_CHECK(tensor.name != "__metadata__", "no tensor is called __metadata__");
    const TensorView view{.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape, .bytes = {}};
    COPPICE_CHECK(static_cast<size_t>(view.count()) * byte_size(tensor.dtype) == tensor.bytes.size(),
                  "bytes fit the shape of " + tensor.name);
  }
}

// Length and JSON text, padded with spaces so that the first tensor is aligned in the file.
std::string header_of(std::span<const TensorData* const> order,
                      const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) text += fmt::format("\"__metadata__\":{}", to_line(metadata));
  size_t offset = 0;
  for (const TensorData* tensor : order) {
    const size_t end = offset + tensor->bytes.size();
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}",
                        text.size() > 1 ? "," : "", to_line(tensor->name), dtype_name(tensor->dtype),
                        to_line(tensor->shape), offset, end);
    offset = end;
  }
  text += "}";
  std::string length(8, '\0');
  text.resize((length.size() + text.size() + alignment - 1) / alignment * alignment - length.size(), ' ');
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return length + text;
}

// Removes files on scope exit unless kept.
class Leftovers {
 public:
  ~Leftovers() {
    std::error_code ignored;
    for (const auto& path : paths_) fs::remove(path, ignored);
  }
  void add(const fs::path& path) { paths_.push_back(path); }
  void keep() { paths_.clear(); }

 private:
  std::vector<fs::path> paths_;
};

// Consecutive tensors of at most `shard_bytes` together.
std::vector<std::span<const TensorData>> cut_shards(std::span<const TensorData> tensors,
                                                    int64_t shard_bytes) {
  std::vector<std::span<const TensorData>> shards;
  size_t begin = 0;
  int64_t size = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto bytes = static_cast<int64_t>(tensors[i].bytes.size());
    if (i > begin && bytes > shard_bytes - size) {
      shards.push_back(tensors.subspan(begin, i - begin));
      begin = i;
      size = 0;
    }
    size += bytes;
  }
  shards.push_back(tensors.subspan(begin));
  return shards;
}

// Whether a file name is one that write_tensor_folder gives to shards: model-00001-of-00003.safetensors.
bool is_shard_name(std::string_view name) {
  constexpr std::string_view begin = "model-", middle = "-of-", end = ".safetensors";
  if (!name.starts_with(begin) || !name.ends_with(end)) return false;
  name = name.substr(begin.size(), name.size() - begin.size() - end.size());
  const size_t at = name.find(middle);
  const auto digits = [](std::string_view text) {
    return text.size() >= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  };
  return at != name.npos && digits(name.substr(0, at)) && digits(name.substr(at + middle.size()));
}

void remove_stale_shards(const fs::path& directory, const std::set<std::string>& kept) {
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (is_shard_name(name) && !kept.contains(name)) stale.push_back(entry.path());
  }
  for (const auto& path : stale) fs::remove(path);
}

}  // namespace

void write_safetensors(const fs::path& path, std::span<const TensorData> tensors,
                       const std::map<std::string, std::string>& metadata) {
  check_tensors(tensors);
  const auto order = order_of_bytes(tensors);
  AtomicFile file(path);
  file.write(header_of(order, metadata));
  for (const TensorData* tensor : order) file.write(tensor->bytes);
  file.commit();
}

void write_tensor_folder(const fs::path& directory, std::span<const TensorData> tensors,
                         int64_t shard_bytes) {
  const std::map<std::string, std::string> metadata = {
      {"format", "pt"}};  // Transformers refuses files without it
  const fs::path single = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
  const auto shards = cut_shards(tensors, shard_bytes);
  if (shards.size() == 1) {
    write_safetensors(single, tensors, metadata);
    fs::remove(index);
    remove_stale_shards(directory, {});
    return;
  }
  // An index of earlier shards must not meet shards of this write.
  fs::remove(index);
  Leftovers leftovers;
  int64_t total = 0;
  std::set<std::string> names;
  nlohmann::json weight_map = nlohmann::json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    for (const auto& tensor : shards[i]) {
      COPPICE_CHECK(weight_map.emplace(tensor.name, name).second, "tensor names are unique: " + tensor.name);
      total += static_cast<int64_t>(tensor.bytes.size());
    }
    write_safetensors(directory / name, shards[i], metadata);
    leftovers.add(directory / name);
    names.insert(name);
  }
  const nlohmann::json document = {{"metadata", {{"total_size", total}}},
                                   {"weight_map", std::move(weight_map)}};
  write_file(index, document.dump(2) + "\n");
  leftovers.keep();
  fs::remove(single);  // would be read in place of the shards
  remove_stale_shards(directory, names);
}

}  // namespace coppice
