#include "lab/convert/calibration.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/file.h"

namespace coppice::lab {

Calibration::Calibration(std::vector<TokenId> ids, std::optional<TokenId> leading, int64_t length,
                         const std::string& where)
    : ids_(std::move(ids)), leading_(leading), where_(where) {
  COPPICE_CHECK(length > 1);
  if (ids_.empty())
    throw Error({.where = where,
                 .found = "no text",
                 .expected = "text to calibrate on",
                 .advice = "give a file with a few pages of typical text"});
  const auto extra = static_cast<int64_t>(leading_.has_value());
  const auto have = static_cast<int64_t>(ids_.size());
  const int64_t body = std::min(length - extra, have);
  const int64_t count = have / body;
  windows_ = torch::empty({count, body + extra}, torch::kInt64);
  auto rows = windows_.accessor<int64_t, 2>();
  for (int64_t w = 0; w < count; ++w) {
    if (leading_) rows[w][0] = *leading_;
    for (int64_t i = 0; i < body; ++i) rows[w][i + extra] = ids_[static_cast<size_t>(w * body + i)];
  }
}

torch::Tensor Calibration::sample(int64_t wanted, Rng& rng) const {
  std::vector<int64_t> order(static_cast<size_t>(count()));
  std::iota(order.begin(), order.end(), 0);
  rng.shuffle(order);
  order.resize(static_cast<size_t>(std::min(wanted, count())));
  return windows_.index_select(0, torch::tensor(order, torch::kInt64));
}

Calibration Calibration::recut(int64_t shorter) const {
  return {ids_, leading_, std::min(shorter, length()), where_};
}

Calibration read_calibration(const std::filesystem::path& file, const Tokenizer& tokenizer, int64_t length) {
  return {tokenizer.encode(read_file(file), false), tokenizer.leading_token(), length, file.string()};
}

}  // namespace coppice::lab
