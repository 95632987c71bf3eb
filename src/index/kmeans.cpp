#include "index/kmeans.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/rng.h"
#include "kernels/vector_isa.h"

namespace coppice {

std::vector<float> pack_panels(std::span<const float> rows, int64_t stride, int64_t count, int64_t dim) {
  const int64_t width = kernels::active_vectors().panel_width;
  const int64_t panels = (count + width - 1) / width;
  std::vector<float> packed(static_cast<size_t>(panels * width * dim));
  for (int64_t c = 0; c < count; ++c) {
    float* to = packed.data() + c / width * width * dim + c % width;
    for (int64_t d = 0; d < dim; ++d) to[d * width] = rows[static_cast<size_t>(c * stride + d)];
  }
  return packed;
}

NearestCentroid::NearestCentroid(std::span<const float> centroids, int64_t dim) : dim_(dim) {
  const int64_t count = static_cast<int64_t>(centroids.size()) / dim;
  const int64_t width = kernels::active_vectors().panel_width;
  panels_ = pack_panels(centroids, dim, count, dim);
  // |x - c|^2 is least where x c - |c|^2 / 2 is most. Columns that are no centroids are never chosen.
  bias_.assign(static_cast<size_t>((count + width - 1) / width * width),
               -std::numeric_limits<float>::infinity());
  for (int64_t c = 0; c < count; ++c) {
    double norm2 = 0;
    for (int64_t d = 0; d < dim; ++d) {
      const double value = centroids[static_cast<size_t>(c * dim + d)];
      norm2 += value * value;
    }
    bias_[static_cast<size_t>(c)] = static_cast<float>(-norm2 / 2);
  }
}

void NearestCentroid::assign(std::span<const float> rows, std::span<int32_t> nearest) const {
  const auto& kernels = kernels::active_vectors();
  parallel_for(static_cast<int64_t>(nearest.size()), 64, [&](int64_t begin, int64_t end) {
    std::vector<float> values(static_cast<size_t>(end - begin));
    kernels.panel_argmax({.panels = panels_.data(),
                          .panel_count = static_cast<int64_t>(bias_.size()) / kernels.panel_width,
                          .dim = dim_,
                          .rows = rows.data() + begin * dim_,
                          .row_stride = dim_,
                          .row_count = end - begin},
                         bias_.data(), values.data(), nearest.data() + begin);
  });
}

namespace {

// Sums rows by cluster. Every dimension is summed in the order of the rows, whatever thread does it.
void sum_by_cluster(std::span<const float> rows, int64_t dim, std::span<const int32_t> nearest,
                    std::vector<float>& sums) {
  std::fill(sums.begin(), sums.end(), 0.0f);
  parallel_for(dim, 16, [&](int64_t begin, int64_t end) {
    for (size_t row = 0; row < nearest.size(); ++row) {
      const float* from = rows.data() + static_cast<int64_t>(row) * dim;
      float* to = sums.data() + nearest[row] * dim;
      for (int64_t d = begin; d < end; ++d) to[d] += from[d];
    }
  });
}

}  // namespace

std::vector<float> kmeans(std::span<const float> rows, int64_t dim, const KMeansSpec& spec) {
  COPPICE_CHECK(dim > 0 && spec.clusters > 0 && rows.size() % static_cast<size_t>(dim) == 0);
  const int64_t count = static_cast<int64_t>(rows.size()) / dim, clusters = spec.clusters;
  std::vector<float> centroids(static_cast<size_t>(clusters * dim));
  if (count <= clusters) {
    std::copy(rows.begin(), rows.end(), centroids.begin());
    return centroids;
  }
  Rng rng = Rng(spec.seed).fork("kmeans");
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t c = 0; c < clusters; ++c) {
    std::swap(order[static_cast<size_t>(c)],
              order[static_cast<size_t>(c) + rng.below(static_cast<uint64_t>(count - c))]);
    std::copy_n(rows.data() + order[static_cast<size_t>(c)] * dim, dim, centroids.data() + c * dim);
  }
  std::optional<Progress> progress;
  if (!spec.title.empty()) progress.emplace(spec.title, spec.iterations, "iterations");
  std::vector<int32_t> nearest(static_cast<size_t>(count));
  std::vector<float> sums(centroids.size());
  std::vector<int64_t> sizes(static_cast<size_t>(clusters));
  for (int64_t iteration = 0; iteration < spec.iterations; ++iteration) {
    NearestCentroid(centroids, dim).assign(rows, nearest);
    std::fill(sizes.begin(), sizes.end(), 0);
    for (const int32_t cluster : nearest) ++sizes[static_cast<size_t>(cluster)];
    sum_by_cluster(rows, dim, nearest, sums);
    for (int64_t c = 0; c < clusters; ++c) {
      const int64_t size = sizes[static_cast<size_t>(c)];
      if (size == 0) continue;
      for (int64_t d = 0; d < dim; ++d)
        centroids[static_cast<size_t>(c * dim + d)] =
            sums[static_cast<size_t>(c * dim + d)] / static_cast<float>(size);
    }
    // An empty cluster and the largest move apart from the latter's centre, a little to each side.
    for (int64_t c = 0; c < clusters; ++c) {
      if (sizes[static_cast<size_t>(c)] != 0) continue;
      const auto largest = std::max_element(sizes.begin(), sizes.end()) - sizes.begin();
      for (int64_t d = 0; d < dim; ++d) {
        float& from = centroids[static_cast<size_t>(largest * dim + d)];
        const float step = (d % 2 == 0 ? 1.0f : -1.0f) / 1024;
        centroids[static_cast<size_t>(c * dim + d)] = from * (1 + step);
        from *= 1 - step;
      }
      sizes[static_cast<size_t>(c)] = sizes[static_cast<size_t>(largest)] / 2;
      sizes[static_cast<size_t>(largest)] -= sizes[static_cast<size_t>(c)];
    }
    if (progress) progress->advance(1);
  }
  return centroids;
}

}  // namespace coppice
