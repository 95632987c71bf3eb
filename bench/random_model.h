#pragma once
// Models of real shapes with random weights, and a place for them.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "format/float16.h"
#include "model/model_directory.h"

namespace coppice {

// A folder that is gone when the program ends.
struct TemporaryFolder {
  std::filesystem::path path = make();
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  static std::filesystem::path make() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coppice-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw system_error("create", pattern);
    return pattern;
  }
};

// Which weights are not 0: the first `kept` of every `of`, in rows of whole multiples of that.
struct Pruning {
  uint64_t kept = 1, of = 1;
};

// A model directory in bf16. Every tensor is another stretch of one random buffer, so that writing needs little memory.
inline void write_random(const std::filesystem::path& path, const ModelSpec& spec,
                         const Pruning& pruning = {}) {
  const auto table = tensor_table(spec);
  int64_t longest = 0;
  for (const auto& tensor : table) longest = std::max(longest, tensor.count());
  constexpr int64_t shift = 4096;
  std::vector<uint16_t> buffer(static_cast<size_t>(longest + shift));
  Rng rng(1);
  for (size_t i = 0; i < buffer.size(); ++i)
    buffer[i] =
        i % pruning.of < pruning.kept ? float_to_bf16(static_cast<float>(rng.uniform(-0.04, 0.04))) : 0;
  std::vector<TensorData> tensors;
  for (const auto& tensor : table)
    tensors.push_back({tensor.name, DType::bf16, tensor.shape,
                       std::as_bytes(std::span(buffer).subspan(rng.below(shift / pruning.of) * pruning.of,
                                                               static_cast<size_t>(tensor.count())))});
  std::filesystem::create_directory(path);
  write_model(path, spec, tensors);
}

}  // namespace coppice
