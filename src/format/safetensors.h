#pragma once
// The safetensors format: an 8-byte little-endian header length, a JSON header of name -> {dtype, shape,
// data_offsets}, then the tensors' bytes. Files are memory-mapped and every length, offset, overlap, type and
// count is checked before any byte of a tensor is believed.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace coppice {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, f8_e4m3 };

size_t byte_size(DType dtype);
std::string dtype_name(DType dtype);  // "F32", "BF16", … as in the file
DType parse_dtype(const std::string& name, const std::string& where);
// Whether elements are numbers by themselves: not so for f8_e4m3, which needs scales beside it.
bool is_floating(DType dtype);

// "[2, 3]", for messages.
std::string shape_text(std::span<const int64_t> shape);

// A tensor's place in memory; row-major. Valid as long as the file is open, and beyond that while `memory`,
// if set, is held. Files by others need not align their tensors: `bytes` may begin at any address.
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> memory;  // owns the bytes of a tensor that is not mapped

  int64_t count() const;
  // The elements as float: converted from f32, f16, bf16 or f64; other types are an Error.
  std::vector<float> to_floats() const;
  // The elements of an i32 tensor; other types are an Error.
  std::vector<int32_t> to_integers() const;
};

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  const std::vector<TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const MappedFile& file() const { return file_; }
  void release_pages() const { file_.release_pages(); }

 private:
  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Checks and reads a header over `bytes`, the whole file; what SafetensorsFile and the fuzzer share. Tensors
// are in the order of their bytes, which leave no hole and do not overlap.
struct SafetensorsHeader {
  std::vector<TensorView> tensors;
  std::map<std::string, std::string> metadata;
};
SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& where);

// Checks and reads model.safetensors.index.json: tensor name -> shard, a plain file name.
std::map<std::string, std::string> parse_shard_index(std::string_view text, const std::string& where);

// The tensors of a model directory: model.safetensors, or model.safetensors.index.json and its shards. Where
// both lie, the single file counts, as in Hugging Face Transformers. Every tensor of the index is in the
// shard that it names, and shards hold no other. Pickled weights (pytorch_model.bin) are never read.
class TensorFolder {
 public:
  explicit TensorFolder(const std::filesystem::path& directory);
  const TensorView* find(const std::string& name) const;
  std::vector<std::string> names() const;
  int64_t total_bytes() const;
  // That these bytes of a tensor are mapped from.
  const MappedFile& file_of(std::span<const std::byte> bytes) const;
  void release_pages() const {
    for (const auto& file : files_) file.release_pages();
  }

 private:
  void open_shards(const std::filesystem::path& directory);

  std::vector<SafetensorsFile> files_;
  std::map<std::string, const TensorView*> by_name_;
};

// A tensor to be written.
struct TensorData {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// One file, replaced atomically. The format allows no padding between tensors, so those whose size is a
// multiple of 64 bytes come first, in the given order and each on a 64-byte boundary of the file; the others
// follow, each on a boundary of its element.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorData> tensors,
                       const std::map<std::string, std::string>& metadata = {});

// 5 GB, as Hugging Face cuts.
inline constexpr int64_t default_shard_bytes = 5'000'000'000;

// model.safetensors, or shards model-00001-of-0000N.safetensors of at most `shard_bytes` of tensors (a larger tensor
// has a shard of its own) with their index, which is written last. Files of these names from an earlier write are
// removed. When it fails, files that it had written are removed; who must keep earlier files in that case writes into
// an AtomicDirectory.
void write_tensor_folder(const std::filesystem::path& directory, std::span<const TensorData> tensors,
                         int64_t shard_bytes = default_shard_bytes);

}  // namespace coppice
