// Products by matrices of which many weights or activations are 0: panels without zeros, and chosen columns, beside the
// plain panels of the same matrix (kernels/packed_kernels.h). For one token, for a tile of them and for 512; up to a tile
// reads copies of the matrix in turn, more than the caches hold.
//
// The contenders of a row take turns, because shared machines drift: a ratio is the median of the rounds' ratios. All run on
// one thread and are timed by the processor time that it took, which others on the machine disturb least.
//
//   bench_sparse [ROUNDS] [MIB]      as much memory, up to twice

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <iostream>
#include <memory>
#include <span>

#include <sys/mman.h>

#include "base/error.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "format/float16.h"
#include "kernels/isa.h"
#include "model/packed_matrix.h"
#include "model/packed_rows.h"

namespace {

using namespace coppice;
using kernels::PackedType;

constexpr int64_t outputs = 2048, inputs = 8192;

double now() {
  timespec time = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Memory in large pages, as the runtime's weights lie.
class Memory {
 public:
  explicit Memory(int64_t bytes) : size_((static_cast<size_t>(bytes) + page - 1) / page * page) {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    ::madvise(memory, size_, MADV_HUGEPAGE);
    data_ = static_cast<std::byte*>(memory);
  }
  ~Memory() { ::munmap(data_, size_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* data() const { return data_; }

 private:
  static constexpr size_t page = size_t{2} << 20;
  size_t size_;
  std::byte* data_ = nullptr;
};

struct Pattern {
  std::string name;
  PackedType type = PackedType::f32;
  double share = 1;  // of the weights of a row, or of the neurons, that are not 0
};

// A matrix with the zeros that a pattern has.
std::vector<std::byte> random_matrix(GgmlType type, const Pattern& pattern, Rng& rng) {
  const bool condensed = kernels::is_condensed(pattern.type);
  std::vector<std::byte> bytes;
  const int64_t size = type == GgmlType::f32 ? 4 : 2;
  bytes.resize(static_cast<size_t>(outputs * inputs * size));
  for (int64_t r = 0; r < outputs; ++r)
    for (int64_t quad = 0; quad < inputs; quad += 4) {
      const auto left_out = rng.below(4);
      // As many of each row: the weights that a running sum of the share reaches a whole number at.
      const auto wanted = [&](int64_t k) {
        if (pattern.share >= 1) return true;
        if (!condensed)
          return k % 4 != static_cast<int64_t>(left_out) && k % 4 != static_cast<int64_t>(left_out ^ 2);
        const auto at = static_cast<double>((k * 37 + r * 101) % inputs);
        return static_cast<int64_t>((at + 1) * pattern.share) > static_cast<int64_t>(at * pattern.share);
      };
      for (int64_t k = quad; k < quad + 4; ++k) {
        const float value = wanted(k) ? static_cast<float>(rng.uniform(0.01, 0.04)) : 0;
        std::byte* at = bytes.data() + (r * inputs + k) * size;
        const uint16_t half = type == GgmlType::f16 ? float_to_f16(value) : float_to_bf16(value);
        if (size == 4)
          std::memcpy(at, &value, 4);
        else
          std::memcpy(at, &half, 2);
      }
    }
  return bytes;
}

// Copies of a packed matrix, and what multiplies by them.
class Contender {
 public:
  Contender(GgmlType stored, Pattern pattern, int64_t bytes, Rng& rng) : pattern_(std::move(pattern)) {
    const auto rows = random_matrix(stored, pattern_, rng);
    const StoredRows source{"w", stored, outputs, inputs, rows};
    shape_ = pattern_.share < 1 && !chooses() ? fitting(source) : PanelShape{pattern_.type, inputs};
    matrix_bytes_ = packed_bytes(shape_.type, outputs, shape_.inputs);
    copies_ = std::max<int64_t>(1, bytes / (outputs * inputs * (stored == GgmlType::f32 ? 4 : 2)));
    memory_ = std::make_unique<Memory>(copies_ * matrix_bytes_);
    pack_matrix(shape_, source, memory_->data());
    for (int64_t copy = 1; copy < copies_; ++copy)
      std::memcpy(memory_->data() + copy * matrix_bytes_, memory_->data(),
                  static_cast<size_t>(matrix_bytes_));
    for (int64_t k = 0; k < inputs; ++k)
      if (rng.uniform(0, 1) < pattern_.share) columns_.push_back(static_cast<int32_t>(k));
  }

  // Seconds of one product.
  double run(int64_t tokens) {
    std::vector<float> x(static_cast<size_t>(tokens * inputs), chooses() ? 0.0f : 0.5f);
    for (int64_t t = 0; chooses() && t < tokens; ++t)
      for (const int32_t k : columns_) x[static_cast<size_t>(t * inputs + k)] = 0.5f;
    PackedRows rows;
    const TokenList list[] = {{tokens, inputs}};
    const std::span<const int32_t> all[] = {{}};
    rows.arrange(packed_, rows_for(packed_, shape_.type), list);
    rows.fill(packed_, x.data(), inputs, all);
    const int64_t copies = tokens > kernels::largest_tile ? 1 : copies_;
    const int64_t groups = kernels::packed_groups(shape_.type, shape_.inputs),
                  bytes = kernels::panel_bytes(shape_.type, shape_.inputs);
    alignas(64) std::array<float, kernels::largest_tile * kernels::panel_rows> out;
    const double start = now();
    for (int64_t copy = 0; copy < copies; ++copy)
      for (int64_t panel = 0; panel < outputs / kernels::panel_rows; ++panel)
        for (const Tile& tile : rows.tiles(0)) {
          const std::byte* weights = memory_->data() + copy * matrix_bytes_ + panel * bytes;
          if (chooses())
            packed_.product_of_columns(shape_.type, weights, columns_.data(),
                                       static_cast<int64_t>(columns_.size()), tile.data, tile.tokens,
                                       out.data());
          else
            packed_.product(shape_.type, weights, groups, tile.data, tile.tokens, out.data(), nullptr);
        }
    return (now() - start) / static_cast<double>(copies);
  }

  const Pattern& pattern() const { return pattern_; }
  double bytes_read() const { return static_cast<double>(matrix_bytes_) * (chooses() ? pattern_.share : 1); }

 private:
  bool chooses() const { return pattern_.name == "chosen"; }
  // Panels of the pattern's type, whether or not they are thought to be the fastest.
  PanelShape fitting(const StoredRows& source) const {
    if (!kernels::is_condensed(pattern_.type)) return {pattern_.type, inputs};
    int64_t most = 1;
    std::vector<float> row(static_cast<size_t>(inputs));
    for (int64_t r = 0; r < outputs; ++r) {
      RowRoom room;
      const auto floats =
          dequantize(static_cast<uint32_t>(source.type), source.look_at(r, r + 1, room), source.name);
      most = std::max<int64_t>(most,
                               std::count_if(floats.begin(), floats.end(), [](float v) { return v != 0; }));
    }
    return {pattern_.type, most};
  }

  Pattern pattern_;
  PanelShape shape_;
  const kernels::PackedKernels& packed_ = kernels::active_packed();
  int64_t matrix_bytes_ = 0, copies_ = 1;
  std::unique_ptr<Memory> memory_;
  std::vector<int32_t> columns_;
};

struct Numbers {
  std::string name;
  GgmlType stored;
  PackedType plain, two_of_four, condensed, apart;
};

int run(int64_t rounds, int64_t bytes) {
  set_threads(1);
  const Numbers numbers[] = {{"bf16", GgmlType::bf16, PackedType::bf16, PackedType::bf16_2_of_4,
                              PackedType::bf16_condensed, PackedType::bf16_apart},
                             {"f16", GgmlType::f16, PackedType::f16, PackedType::f16_2_of_4,
                              PackedType::f16_condensed, PackedType::f16},
                             {"f32", GgmlType::f32, PackedType::f32, PackedType::f32_2_of_4,
                              PackedType::f32_condensed, PackedType::f32}};
  Json rows = Json::array();
  for (const Numbers& kind : numbers) {
    std::vector<Pattern> patterns = {{"two of four", kind.two_of_four, 0.5}};
    for (const double share : {0.25, 0.2, 0.15, 0.1, 0.05})
      patterns.push_back({"condensed", kind.condensed, share});
    for (const double share : {0.25, 0.125, 0.1, 0.05, 0.02})
      patterns.push_back({"chosen", kind.apart, share});
    if (kind.apart != kind.plain) patterns.push_back({"columns apart, all of them", kind.apart, 1});
    Rng rng(1);
    Contender plain(kind.stored, {"plain", kind.plain, 1}, bytes, rng);
    for (const Pattern& pattern : patterns) {
      Contender contender(kind.stored, pattern, bytes, rng);
      for (const int64_t tokens : {int64_t{1}, kernels::active_packed().tile_tokens, int64_t{512}}) {
        if (pattern.name == "chosen" && tokens > kernels::largest_tile) continue;
        std::vector<double> seconds, ratios, plain_seconds;
        for (int64_t round = -1;
             round < (tokens > kernels::largest_tile ? std::min<int64_t>(rounds, 3) : rounds); ++round) {
          const double of_plain = plain.run(tokens), of_contender = contender.run(tokens);
          if (round < 0) continue;  // one turn unmeasured
          plain_seconds.push_back(of_plain);
          seconds.push_back(of_contender);
          ratios.push_back(of_plain / of_contender);
        }
        rows.push_back({{"numbers", kind.name},
                        {"panels", pattern.name},
                        {"share", pattern.share},
                        {"tokens", tokens},
                        {"microseconds", median(seconds) * 1e6},
                        {"plain_microseconds", median(plain_seconds) * 1e6},
                        {"bytes_per_s", contender.bytes_read() / median(seconds)},
                        {"faster_than_plain", median(ratios)}});
      }
    }
  }
  std::cout << to_text(Json{{"benchmark", "sparse"},
                            {"isa", to_string(kernels::active_isa())},
                            {"threads", 1},
                            {"rounds", rounds},
                            {"outputs", outputs},
                            {"inputs", inputs},
                            {"rows", rows}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 9,
               (argc > 2 ? std::max(1, std::atoi(argv[2])) : 512) * (int64_t{1} << 20));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
