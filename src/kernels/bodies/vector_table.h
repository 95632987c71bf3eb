#pragma once
// The table of vector kernels of one instruction set; included once by each isa_vectors_*.cpp.

#include "kernels/bodies/vector_codes.h"
#include "kernels/bodies/vector_int8.h"
#include "kernels/bodies/vector_panels.h"
#include "kernels/bodies/vector_rows.h"
#include "kernels/vector_tables.h"

#define COPPICE_NAME_TEXT(name) #name
#define COPPICE_NAME(name) COPPICE_NAME_TEXT(name)

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

const VectorKernels& vector_table() {
  static constexpr VectorKernels kernels = {
      .name = COPPICE_NAME(COPPICE_ISA_NAMESPACE),
      .panel_width = panel_width,
      .dot_f32 = score_rows<float, false>,
      .dot_bf16 = score_rows<uint16_t, false>,
      .squared_distance_f32 = score_rows<float, true>,
      .squared_distance_bf16 = score_rows<uint16_t, true>,
      .dot_int8 = dot_int8,
      .panel_product_f32 = panel_product<float>,
      .panel_product_bf16 = panel_product<uint16_t>,
      .panel_max_f32 = panel_max<float>,
      .panel_max_bf16 = panel_max<uint16_t>,
      .panel_argmax = panel_argmax,
      .max_of_rows = max_of_rows,
      .scale_int8 = scale_int8,
      .decode_residual = decode_residual,
      .sum_lookups = sum_lookups,
  };
  return kernels;
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
