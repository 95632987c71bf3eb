#include <bit>
#include <cstring>
#include <set>

#include "base/error.h"
#include "format/gguf.h"

namespace coppice {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are written as values lie in memory");

constexpr size_t max_name_bytes = 63;  // llama.cpp keeps names in 64 bytes with a final zero

class Writer {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) {
    if constexpr (std::same_as<T, bool>)
      text_ += static_cast<char>(value ? 1 : 0);
    else
      text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(const std::string& text) {
    put(static_cast<uint64_t>(text.size()));
    text_ += text;
  }
  void put(const GgufArray& array) {
    put(static_cast<uint32_t>(array.elements.index()));
    put(static_cast<uint64_t>(array.size()));
    std::visit(
        [this](const auto& list) {
          using T = typename std::decay_t<decltype(list)>::value_type;
          for (size_t i = 0; i < list.size(); ++i) put(static_cast<const T&>(list[i]));
        },
        array.elements);
  }
  void put(const GgufValue& value) {
    put(static_cast<uint32_t>(value.index()));
    std::visit([this](const auto& held) { put(held); }, value);
  }
  void pad(size_t alignment) { text_.resize((text_.size() + alignment - 1) / alignment * alignment, '\0'); }
  void raw(std::string_view bytes) { text_ += bytes; }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

size_t checked_size(const GgufTensorData& tensor) {
  const GgmlTypeInfo& type = ggml_type_info(tensor.type);
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  COPPICE_CHECK(row % type.block_elements == 0, "rows of whole blocks: " + tensor.name);
  COPPICE_CHECK(tensor.shape.size() <= 4, "at most four dimensions: " + tensor.name);
  const GgufTensor view{.name = {}, .type = 0, .shape = tensor.shape, .bytes = {}};
  return static_cast<size_t>(view.count() / type.block_elements * type.block_bytes);
}

size_t padded(size_t size, size_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const GgufTensorData> tensors) {
  const auto alignment = static_cast<size_t>(metadata.integer("general.alignment").value_or(32));
  COPPICE_CHECK(std::has_single_bit(alignment), "the alignment is a power of two");
  Writer writer;
  writer.raw("GGUF");
  writer.put(uint32_t{3});
  writer.put(static_cast<uint64_t>(tensors.size()));
  writer.put(static_cast<uint64_t>(metadata.entries().size()));
  std::set<std::string_view> keys, names;
  for (const auto& [key, value] : metadata.entries()) {
    COPPICE_CHECK(keys.insert(key).second, "keys are unique: " + key);
    writer.put(key);
    writer.put(value);
  }
  uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    COPPICE_CHECK(names.insert(tensor.name).second, "tensor names are unique: " + tensor.name);
    COPPICE_CHECK(!tensor.name.empty() && tensor.name.size() <= max_name_bytes,
                  "a name's length: " + tensor.name);
    writer.put(tensor.name);
    writer.put(static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
      writer.put(static_cast<uint64_t>(*size));
    writer.put(static_cast<uint32_t>(tensor.type));
    writer.put(offset);
    offset += padded(checked_size(tensor), alignment);
  }
  writer.pad(alignment);

  AtomicFile file(path);
  file.write(writer.text());
  for (const auto& tensor : tensors) {
    const std::vector<std::byte> bytes = tensor.bytes();
    COPPICE_CHECK(bytes.size() == checked_size(tensor), "bytes fit the shape of " + tensor.name);
    file.write(bytes);
    file.write(std::string(padded(bytes.size(), alignment) - bytes.size(), '\0'));
  }
  file.commit();
}

}  // namespace coppice
