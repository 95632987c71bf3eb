#pragma once
// The table of one instruction set; included once by each isa_*.cpp.

#include "kernels/bodies/combine.h"
#include "kernels/bodies/exponential.h"
#include "kernels/bodies/probes.h"
#include "kernels/bodies/product.h"
#include "kernels/bodies/rows.h"
#include "kernels/tables.h"

#define COPPICE_NAME_TEXT(name) #name
#define COPPICE_NAME(name) COPPICE_NAME_TEXT(name)

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

const Kernels& table() {
  static constexpr Kernels kernels = {
      .name = COPPICE_NAME(COPPICE_ISA_NAMESPACE),
      .lanes = lanes,
      .product = product,
      .combine = combine,
      .rms_norm = rms_norm,
      .layer_norm = layer_norm,
      .rope = rope,
      .softmax = softmax,
      .activate = activate,
      .add = add_scaled,
      .widen = widen_row,
      .log_sum_exp = log_sum_exp,
      .read_probe = read_probe,
      .fma_probe = fma_probe,
      .fma_probe_flops = int64_t{2} * lanes * probe_chains * probe_steps,
  };
  return kernels;
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
