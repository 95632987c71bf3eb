// Packed products against double precision on every instruction set that this machine has. Panels are written here from
// the layouts in packed_kernels.h, so that the test does not share a mistake with the code that packs files.

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/packed_isa.h"

namespace coppice::kernels {
namespace {

constexpr PackedType all_types[] = {PackedType::f32,  PackedType::f16,  PackedType::bf16,
                                    PackedType::q8_0, PackedType::q4_0, PackedType::q4_1,
                                    PackedType::q4_k, PackedType::q6_k, PackedType::bf16_apart};

// Halves that need no rounding: 1 to 2 in steps of 1/64, times 2^-4 to 2^3, of either sign.
struct Half {
  uint16_t bits;
  double value;
};
Half random_half(Rng& rng) {
  const auto mantissa = static_cast<uint16_t>(rng.below(64)),
             exponent = static_cast<uint16_t>(11 + rng.below(8));
  const bool negative = rng.below(2) == 1;
  const double value = std::ldexp(1 + mantissa / 64.0, exponent - 15);
  return {static_cast<uint16_t>(mantissa << 4 | exponent << 10 | (negative ? 0x8000 : 0)),
          negative ? -value : value};
}

// One panel, what its weights are, and the sums of the magnitudes that they are made of.
struct Panel {
  std::vector<uint8_t> bytes;
  int64_t groups = 0;
  std::vector<double> weights, magnitudes;  // [32 * groups][32]
};

void put(std::vector<uint8_t>& bytes, int64_t at, const void* value, size_t size) {
  std::memcpy(bytes.data() + at, value, size);
}

// Writes code `code` of column k and row r of a group of nibbles.
void put_nibble(std::vector<uint8_t>& bytes, int64_t nibbles, int64_t k, int64_t r, int code) {
  bytes[static_cast<size_t>(nibbles + k / 8 * 128 + r * 4 + k % 4)] |=
      static_cast<uint8_t>(k % 8 < 4 ? code : code << 4);
}

Panel random_panel(PackedType type, int64_t columns, Rng& rng) {
  Panel panel{.bytes = std::vector<uint8_t>(static_cast<size_t>(panel_bytes(type, columns))),
              .groups = packed_groups(type, columns)};
  panel.weights.resize(static_cast<size_t>(panel.groups * 32 * 32));
  panel.magnitudes.resize(panel.weights.size());
  const auto set = [&panel](int64_t group, int64_t k, int64_t r, double scaled, double minimum = 0) {
    const auto at = static_cast<size_t>((group * 32 + k) * 32 + r);
    panel.weights[at] = scaled + minimum;
    panel.magnitudes[at] = std::abs(scaled) + std::abs(minimum);
  };
  int64_t at = 0;
  std::vector<Half> scale_8(32), minimum_8(32);
  for (int64_t g = 0; g < panel.groups; ++g) {
    const bool k_type = type == PackedType::q4_k || type == PackedType::q6_k;
    if (k_type && g % k_groups == 0) {
      for (int64_t r = 0; r < 32; ++r) {
        scale_8[static_cast<size_t>(r)] = random_half(rng);
        minimum_8[static_cast<size_t>(r)] = random_half(rng);
        put(panel.bytes, at + 2 * r, &scale_8[static_cast<size_t>(r)].bits, 2);
        if (type == PackedType::q4_k)
          put(panel.bytes, at + 64 + 2 * r, &minimum_8[static_cast<size_t>(r)].bits, 2);
      }
      at += type == PackedType::q4_k ? 128 : 64;
    }
    for (int64_t r = 0; r < 32; ++r) {
      const Half scale = random_half(rng), minimum = random_half(rng);
      const double shared = scale_8[static_cast<size_t>(r)].value,
                   shared_minimum = minimum_8[static_cast<size_t>(r)].value;
      const auto code = [&rng](int count) {
        return static_cast<int>(rng.below(static_cast<uint64_t>(count)));
      };
      switch (type) {
        case PackedType::f32:
          for (int64_t k = 0; k < 32; ++k) {
            const auto value = static_cast<float>(rng.normal());
            put(panel.bytes, at + k * 128 + 4 * r, &value, 4);
            set(g, k, r, value);
          }
          break;
        case PackedType::f16:
          for (int64_t k = 0; k < 32; ++k) {
            const Half value = random_half(rng);
            put(panel.bytes, at + k * 64 + 2 * r, &value.bits, 2);
            set(g, k, r, value.value);
          }
          break;
        case PackedType::bf16:
        case PackedType::bf16_apart:
          for (int64_t k = 0; k < 32; ++k) {
            const auto bits =
                static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(rng.normal())) >> 16);
            const bool apart = type == PackedType::bf16_apart;
            put(panel.bytes, at + (apart ? k * 64 + 2 * r : k / 2 * 128 + 4 * r + 2 - k % 2 * 2), &bits, 2);
            set(g, k, r, std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
          }
          break;
        case PackedType::q8_0:
          put(panel.bytes, at + 2 * r, &scale.bits, 2);
          for (int64_t k = 0; k < 32; ++k) {
            const auto byte = static_cast<uint8_t>(code(256));
            panel.bytes[static_cast<size_t>(at + 64 + k / 4 * 128 + 4 * r + k % 4)] = byte;
            set(g, k, r, scale.value * (byte - 128));
          }
          break;
        case PackedType::q4_0:
          put(panel.bytes, at + 2 * r, &scale.bits, 2);
          for (int64_t k = 0; k < 32; ++k) {
            const int q = code(16);
            put_nibble(panel.bytes, at + 64, k, r, q);
            set(g, k, r, scale.value * (q - 8));
          }
          break;
        case PackedType::q4_1:
          put(panel.bytes, at + 2 * r, &scale.bits, 2);
          put(panel.bytes, at + 64 + 2 * r, &minimum.bits, 2);
          for (int64_t k = 0; k < 32; ++k) {
            const int q = code(16);
            put_nibble(panel.bytes, at + 128, k, r, q);
            set(g, k, r, scale.value * q, minimum.value);
          }
          break;
        case PackedType::q4_k: {
          const int part = code(256), part_minimum = code(256);
          panel.bytes[static_cast<size_t>(at + r)] = static_cast<uint8_t>(part);
          panel.bytes[static_cast<size_t>(at + 32 + r)] = static_cast<uint8_t>(part_minimum);
          for (int64_t k = 0; k < 32; ++k) {
            const int q = code(16);
            put_nibble(panel.bytes, at + 64, k, r, q);
            set(g, k, r, shared * part * q, -shared_minimum * part_minimum);
          }
          break;
        }
        case PackedType::q6_k:
          for (int64_t k = 0; k < 32; ++k) {
            if (k % 16 == 0)
              panel.bytes[static_cast<size_t>(at + k / 16 * 32 + r)] = static_cast<uint8_t>(code(256));
            const auto part = static_cast<int8_t>(panel.bytes[static_cast<size_t>(at + k / 16 * 32 + r)]);
            const int q = code(64);
            put_nibble(panel.bytes, at + 64, k, r, q & 15);
            panel.bytes[static_cast<size_t>(at + 576 + k / 16 * 128 + 4 * r + k % 4)] |=
                static_cast<uint8_t>((q >> 4) << (k % 16 / 4 * 2));
            set(g, k, r, shared * part * (q - 32));
          }
          break;
        default:
          ADD_FAILURE() << "panels without zeros are tested in sparse_panels_test.cpp";
      }
    }
    at += panel_group_bytes(type);
  }
  return panel;
}

template <class T>
T read(const std::vector<uint8_t>& bytes, int64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Element k of token t of a tile of n tokens.
double tile_element(RowsType type, const std::vector<uint8_t>& tile, int64_t n, int64_t t, int64_t k) {
  const int64_t group = k / 32 * n * tile_group_bytes(type);
  k %= 32;
  switch (type) {
    case RowsType::f32:
      return read<float>(tile, group + (k / 4 * n + t) * 16 + k % 4 * 4);
    case RowsType::f32_columns:
      return read<float>(tile, group + (k * n + t) * 4);
    case RowsType::bf16:
      return std::bit_cast<float>(
          static_cast<uint32_t>(read<uint16_t>(tile, group + (k / 4 * n + t) * 8 + (k % 4 ^ 1) * 2)) << 16);
    case RowsType::int8:
      return static_cast<double>(read<float>(tile, group + t * 4)) *
             read<int8_t>(tile, group + 16 * n + (k / 4 * n + t) * 4 + k % 4);
  }
  return 0;
}

class Packed : public ::testing::TestWithParam<Isa> {
 protected:
  const PackedKernels& kernels_ = packed_kernels_for(GetParam());
  Rng rng_{11};

  std::vector<float> random(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng_.normal());
    return values;
  }

  // A tile of the tokens in `x`, `columns` each, with room for `groups`.
  std::vector<uint8_t> tile(RowsType type, const std::vector<float>& x, int64_t columns, int64_t groups) {
    const int64_t n = static_cast<int64_t>(x.size()) / columns;
    std::vector<const float*> rows;
    for (int64_t t = 0; t < n; ++t) rows.push_back(x.data() + t * columns);
    std::vector<uint8_t> bytes(static_cast<size_t>(groups * n * tile_group_bytes(type)));
    kernels_.pack_rows(type, rows.data(), n, columns, bytes.data());
    return bytes;
  }
};

TEST_P(Packed, ActivationsAreRoundedAsStated) {
  for (const RowsType type : {RowsType::f32, RowsType::f32_columns, RowsType::bf16, RowsType::int8})
    for (int64_t columns = 1; columns <= 70; ++columns)
      for (const int64_t n : {int64_t{1}, kernels_.tile_tokens}) {
        auto x = random(n * columns);
        x[0] = 0;
        const int64_t groups = (columns + 31) / 32;
        const auto packed = tile(type, x, columns, groups);
        for (int64_t t = 0; t < n; ++t)
          for (int64_t k = 0; k < 32 * groups; ++k) {
            const double want = k < columns ? x[static_cast<size_t>(t * columns + k)] : 0;
            const double got = tile_element(type, packed, n, t, k);
            double bound = 0;
            if (type == RowsType::bf16) bound = std::abs(want) * 0x1p-8;
            if (type == RowsType::int8) bound = 0.5001 * read<float>(packed, k / 32 * n * 48 + t * 4);
            ASSERT_NEAR(got, want, bound) << columns << ' ' << n << ' ' << t << ' ' << k;
          }
        if (type != RowsType::int8) continue;
        for (int64_t t = 0; t < n; ++t)
          for (int64_t g = 0; g < groups; ++g) {
            const int64_t group = g * n * 48;
            int32_t total = 0, first = 0;
            for (int64_t k = 0; k < 32; ++k) {
              const int code = read<int8_t>(packed, group + 16 * n + (k / 4 * n + t) * 4 + k % 4);
              total += code;
              if (k < 16) first += code;
            }
            ASSERT_EQ(read<int32_t>(packed, group + 8 * n + 4 * t), -total);
            ASSERT_EQ(read<int32_t>(packed, group + 12 * n + 4 * t), -first);
            ASSERT_EQ(read<float>(packed, group + 4 * n + 4 * t),
                      read<float>(packed, group + 4 * t) * static_cast<float>(-total));
          }
      }
}

TEST_P(Packed, ActivationsThatAreNotFiniteStayVisible) {
  for (const float odd : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> x(32, 1.0f);
    x[7] = odd;
    const Panel panel = random_panel(PackedType::q8_0, 32, rng_);
    float out[32];
    kernels_.product(PackedType::q8_0, panel.bytes.data(), 1, tile(RowsType::int8, x, 32, 1).data(), 1, out,
                     nullptr);
    for (const float value : out) EXPECT_TRUE(std::isnan(value));
  }
}

TEST_P(Packed, ProductsMatchDoublePrecisionWhateverTheCompany) {
  for (const PackedType type : all_types)
    for (const int64_t columns : {1, 31, 32, 33, 64, 257})
      for (int64_t n = 1; n <= kernels_.tile_tokens; ++n) {
        const Panel panel = random_panel(type, columns, rng_);
        const RowsType rows = rows_for(kernels_, type);
        const auto x = random(n * columns);
        const auto tokens = tile(rows, x, columns, panel.groups);
        std::vector<float> out(static_cast<size_t>(n * 32 + 1), -7.0f), alone(32);
        kernels_.product(type, panel.bytes.data(), panel.groups, tokens.data(), n, out.data(),
                         panel.bytes.data());
        ASSERT_EQ(out.back(), -7.0f) << "wrote behind the end";
        for (int64_t t = 0; t < n; ++t) {
          const auto begin = x.begin() + t * columns;
          kernels_.product(type, panel.bytes.data(), panel.groups,
                           tile(rows, {begin, begin + columns}, columns, panel.groups).data(), 1,
                           alone.data(), nullptr);
          for (int64_t r = 0; r < 32; ++r) {
            double sum = 0, magnitude = 0;
            for (int64_t k = 0; k < columns; ++k) {
              const auto at = static_cast<size_t>(k * 32 + r);
              const double element = tile_element(rows, tokens, n, t, k);
              sum += panel.weights[at] * element;
              magnitude += panel.magnitudes[at] * std::abs(element);
            }
            const double bound = static_cast<double>(columns + 40) * 0x1p-24 * magnitude;
            const float got = out[static_cast<size_t>(t * 32 + r)];
            ASSERT_NEAR(got, sum, bound) << static_cast<int>(type) << ' ' << columns << ' ' << n << ' ' << r;
            ASSERT_EQ(got, alone[static_cast<size_t>(r)]);
          }
        }
      }
}

// With scales that are powers of two nothing is rounded, so that every instruction set has the same integers.
TEST_P(Packed, ExtremeCodesAreExact) {
  std::vector<uint8_t> panel(1088, 255);
  const uint16_t one = 0x3C00;
  for (int64_t r = 0; r < 32; ++r) std::memcpy(panel.data() + 2 * r, &one, 2);
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> x(32, sign * 127);
    float out[32];
    kernels_.product(PackedType::q8_0, panel.data(), 1, tile(RowsType::int8, x, 32, 1).data(), 1, out,
                     nullptr);
    for (const float value : out) EXPECT_EQ(value, sign * 127 * 127 * 32);
    std::fill(panel.begin() + 64, panel.end(), uint8_t{0});
    kernels_.product(PackedType::q8_0, panel.data(), 1, tile(RowsType::int8, x, 32, 1).data(), 1, out,
                     nullptr);
    for (const float value : out) EXPECT_EQ(value, sign * -128 * 127 * 32);
    std::fill(panel.begin() + 64, panel.end(), uint8_t{255});
  }
}

std::string isa_name(const ::testing::TestParamInfo<Isa>& info) {
  return to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Isas, Packed, ::testing::ValuesIn(supported_isas()), isa_name);

}  // namespace
}  // namespace coppice::kernels
