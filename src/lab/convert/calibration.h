#pragma once
// Calibration text as windows of token ids.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "base/rng.h"
#include "text/tokenizer.h"

namespace coppice::lab {

// Windows that follow each other without overlap, all equally long; each begins with the tokenizer's leading token if
// it has one. The remainder of the text is left out; a text shorter than one window is one shorter window.
class Calibration {
 public:
  // No token at all is an Error naming `where`. length > 1.
  Calibration(std::vector<TokenId> ids, std::optional<TokenId> leading, int64_t length,
              const std::string& where);

  int64_t count() const { return windows_.size(0); }
  int64_t length() const { return windows_.size(1); }
  // [count, length] int64
  const torch::Tensor& windows() const { return windows_; }

  // `count` different windows chosen by chance, all of them if there are fewer; [min(count, …), length] int64.
  torch::Tensor sample(int64_t count, Rng& rng) const;

  // The same text cut into windows of at most `shorter` tokens.
  Calibration recut(int64_t shorter) const;

 private:
  std::vector<TokenId> ids_;
  std::optional<TokenId> leading_;
  std::string where_;
  torch::Tensor windows_;
};

// The whole of a text file in the tokenizer's ids.
Calibration read_calibration(const std::filesystem::path& file, const Tokenizer& tokenizer, int64_t length);

}  // namespace coppice::lab
