#include "model/packed_rows.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/parallel.h"

namespace coppice {

using kernels::group_columns;

void PackedRows::arrange(const kernels::PackedKernels& kernels, kernels::RowsType type,
                         std::span<const TokenList> lists) {
  type_ = type;
  tiles_.clear();
  tiles_of_.clear();
  // Weights of K types end on a whole eight groups, which then are zeros.
  const int64_t step = type == kernels::RowsType::int8 ? int64_t{kernels::k_groups} : 1,
                bytes = tile_group_bytes(type);
  const auto groups = [step](const TokenList& list) {
    return ((list.columns + group_columns - 1) / group_columns + step - 1) / step * step;
  };
  int64_t size = 0;
  for (const auto& list : lists)
    if (list.twin < 0) size += list.tokens * groups(list) * bytes;
  bytes_.resize(static_cast<size_t>(size + kernels::columns_slack));
  std::byte* data = bytes_.data();
  for (const auto& list : lists) {
    if (list.twin >= 0) {
      tiles_of_.push_back(tiles_of_[static_cast<size_t>(list.twin)]);
      continue;
    }
    const size_t begin = tiles_.size();
    for (int64_t first = 0; first < list.tokens;) {
      const int64_t tokens = next_tile(kernels, list.tokens - first);
      tiles_.push_back({first, tokens, list.columns, data});
      const int64_t written = (list.columns + group_columns - 1) / group_columns * tokens * bytes,
                    whole = groups(list) * tokens * bytes;
      std::memset(data + written, 0, static_cast<size_t>(whole - written));
      data += whole;
      first += tokens;
    }
    tiles_of_.push_back({begin, tiles_.size() - begin});
  }
}

void PackedRows::fill(const kernels::PackedKernels& kernels, const float* x, int64_t stride,
                      std::span<const std::span<const int32_t>> rows) {
  const auto pack = [&](size_t list, const Tile& tile) {
    std::array<const float*, kernels::largest_tile> from{};
    for (int64_t t = 0; t < tile.tokens; ++t) {
      const int64_t token = tile.first + t;
      from[static_cast<size_t>(t)] =
          x + (rows[list].empty() ? token : rows[list][static_cast<size_t>(token)]) * stride;
    }
    kernels.pack_rows(type_, from.data(), tile.tokens, tile.columns, tile.data);
  };
  std::vector<size_t> list_of(tiles_.size());
  for (size_t list = tiles_of_.size(); list-- > 0;)  // the first of twins last: their rows are the same
    std::fill_n(list_of.begin() + static_cast<std::ptrdiff_t>(tiles_of_[list].begin), tiles_of_[list].count,
                list);
  constexpr size_t bytes_per_task = 1 << 15;
  const size_t grain = 1 + bytes_per_task * tiles_.size() / (bytes_.size() + 1);
  parallel_for(static_cast<int64_t>(tiles_.size()), static_cast<int64_t>(grain),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   pack(list_of[static_cast<size_t>(i)], tiles_[static_cast<size_t>(i)]);
               });
}

}  // namespace coppice
