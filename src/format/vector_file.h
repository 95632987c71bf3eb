#pragma once
// Files of vectors of texts: one or several per text, or one per token. By their names:
//
//   x.npy          a matrix, a row per vector; x.ids has the text's id of each row, one a line
//   x.fvecs        vectors one behind the other, each an int32 of its dimension and that many floats; x.ids as above
//   x.safetensors  the tensor `vectors`, (rows, dimension); x.ids as above
//   x.jsonl        {"id": "…", "vector": […]} a line, or a list of vectors
//
// Of tokens, x.ids has the id of each text and x.lengths.npy its number of tokens, the tensor is called `tokens` and
// beside it is `lengths`. Numbers are float16, bfloat16, float32 or float64.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/safetensors.h"

namespace coppice {

enum class VectorsOf { texts, tokens };

class VectorFile {
 public:
  static VectorFile open(const std::filesystem::path& path, VectorsOf of);
  // The same of bytes that outlive it, for the fuzzer. `ids` and `lengths` are the files beside it.
  struct Parts {
    std::string_view extension;  // ".npy"
    std::span<const std::byte> bytes;
    std::string_view ids;
    std::span<const std::byte> lengths;
  };
  static VectorFile parse(const Parts& parts, VectorsOf of, const std::string& where);

  int64_t dim() const { return dim_; }  // 0 if there is no vector
  // Ids of texts in the order of their first vectors.
  const std::vector<std::string>& ids() const { return ids_; }
  size_t vectors() const;
  // All vectors of a text, one behind the other; nothing if the id is not there. An Error if a number is not finite.
  std::optional<std::vector<float>> find(const std::string& id) const;

 private:
  using Stretch = std::pair<uint64_t, uint64_t>;  // of rows: first, count
  void set_rows(const TensorView& rows);
  void set_fvecs(std::span<const std::byte> bytes);
  void read_lines(std::string_view text, VectorsOf of);
  void add(std::string id, Stretch rows);
  void name_rows(std::string_view ids, std::optional<TensorView> lengths);

  std::string where_;
  int64_t dim_ = 0;
  uint64_t rows_ = 0;
  std::vector<std::shared_ptr<const void>> memory_;
  std::function<void(uint64_t row, std::vector<float>& to)> append_;
  std::vector<std::string> ids_;
  std::unordered_map<std::string, std::vector<Stretch>> stretches_;
};

}  // namespace coppice
