#pragma once
// Which body multiplies which type.

#include "kernels/bodies/packed_blocks.h"
#include "kernels/bodies/packed_floats.h"
#include "kernels/bodies/packed_sparse.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

struct Product {
  PackedType type;
  const uint8_t* panel;
  int64_t groups;
  const int32_t* columns;  // chosen ones, or nullptr
  int64_t count;           // of them
  const uint8_t* tile;
  float* out;
  const uint8_t* soon = nullptr;
};

template <int Tokens>
void product_of(const Product& p) {
  const auto run = [&p](auto* body) { body(p.panel, p.groups, p.tile, p.out, p.soon); };
  switch (p.type) {
    case PackedType::f32:
      return run(product_floats<Tokens, SingleColumns<F32>>);
    case PackedType::f16:
      return run(product_floats<Tokens, SingleColumns<F16>>);
    case PackedType::q8_0:
      return run(product_centred<Tokens, Q8Codes>);
    case PackedType::q4_0:
      return run(product_centred<Tokens, Q4Codes>);
    case PackedType::q4_1:
      return run(product_q4_1<Tokens>);
    case PackedType::q4_k:
      return run(product_q4_k<Tokens>);
    case PackedType::q6_k:
      return run(product_q6_k<Tokens>);
    case PackedType::f32_2_of_4:
      return run(product_2_of_4<Tokens, Apart<F32>>);
    case PackedType::f16_2_of_4:
      return run(product_2_of_4<Tokens, Apart<F16>>);
    case PackedType::f32_condensed:
      return run(product_condensed<Tokens, F32>);
    case PackedType::f16_condensed:
      return run(product_condensed<Tokens, F16>);
    case PackedType::bf16_condensed:
      return run(product_condensed<Tokens, Bf16>);
#if defined(COPPICE_PACKED_BF16)
    case PackedType::bf16:
      return run(product_pairs<Tokens>);
    case PackedType::bf16_2_of_4:
      return run(product_pairs_2_of_4<Tokens>);
    case PackedType::bf16_apart:
      return run(product_apart<Tokens>);
#else
    case PackedType::bf16:
      return run(product_floats<Tokens, Bf16Pairs>);
    case PackedType::bf16_2_of_4:
      return run(product_2_of_4<Tokens, SideBySide>);
    case PackedType::bf16_apart:
      return run(product_floats<Tokens, SingleColumns<Bf16>>);
#endif
  }
}

template <int Tokens>
void product_of_chosen(const Product& p) {
  const auto run = [&p](auto* body) { body(p.panel, p.columns, p.count, p.tile, p.out); };
  if (p.type == PackedType::f32) return run(chosen_floats<Tokens, SingleColumns<F32>>);
  if (p.type == PackedType::f16) return run(chosen_floats<Tokens, SingleColumns<F16>>);
#if defined(COPPICE_PACKED_BF16)
  run(chosen_apart<Tokens>);
#else
  run(chosen_floats<Tokens, SingleColumns<Bf16>>);
#endif
}

template <int Tokens>
void product_of_tokens(const Product& p) {
  return p.columns == nullptr ? product_of<Tokens>(p) : product_of_chosen<Tokens>(p);
}

inline void run_product(const Product& p, int64_t tokens) {
  switch (tokens) {
    case 1:
      return product_of_tokens<1>(p);
    case 2:
      return product_of_tokens<2>(p);
#if COPPICE_PACKED_TOKENS >= 3
    case 3:
      return product_of_tokens<3>(p);
#endif
#if COPPICE_PACKED_TOKENS >= 8
    case 4:
      return product_of_tokens<4>(p);
    case 5:
      return product_of_tokens<5>(p);
    case 6:
      return product_of_tokens<6>(p);
    case 7:
      return product_of_tokens<7>(p);
    case 8:
      return product_of_tokens<8>(p);
#endif
  }
}

inline void product(PackedType type, const void* panel, int64_t groups, const void* tile, int64_t tokens,
                    float* out, const void* soon) {
  // What is near already costs least to ask for.
  run_product(
      {type, static_cast<const uint8_t*>(panel), groups, nullptr, 0, static_cast<const uint8_t*>(tile), out,
       static_cast<const uint8_t*>(soon != nullptr ? soon : panel)},
      tokens);
}

inline void product_of_columns(PackedType type, const void* panel, const int32_t* columns, int64_t count,
                               const void* tile, int64_t tokens, float* out) {
  run_product(
      {type, static_cast<const uint8_t*>(panel), 0, columns, count, static_cast<const uint8_t*>(tile), out},
      tokens);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
