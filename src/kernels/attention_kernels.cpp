#include "kernels/attention_kernels.h"

#include "kernels/isa.h"

namespace coppice::kernels {

int64_t cache_block_bytes(CacheElement element, int64_t width) {
  const int64_t elements = 2 * block_positions * width;
  switch (element) {
    case CacheElement::f32:
      return 4 * elements;
    case CacheElement::bf16:
    case CacheElement::f16:
      return 2 * elements;
    case CacheElement::q8:
      return elements + 2 * block_positions * static_cast<int64_t>(sizeof(float));
  }
  COPPICE_CHECK(false, "every element has a size");
}

const AttentionKernels& active_attention() {
  switch (active_isa()) {
#if defined(__x86_64__)
    case Isa::avx512_bf16:
      return avx512_bf16_attention::attention_table();
    case Isa::avx512_vnni:
    case Isa::avx512:
      return avx512_attention::attention_table();
    case Isa::avx2:
      return avx2_attention::attention_table();
#endif
    default:
      return baseline_attention::attention_table();
  }
}

const AttentionKernels* const* supported_attention_kernels() {
  static const auto supported = [] {
    std::vector<const AttentionKernels*> tables = {&baseline_attention::attention_table()};
#if defined(__x86_64__)
    if (is_supported(Isa::avx2)) tables.push_back(&avx2_attention::attention_table());
    if (is_supported(Isa::avx512)) tables.push_back(&avx512_attention::attention_table());
    if (is_supported(Isa::avx512_bf16)) tables.push_back(&avx512_bf16_attention::attention_table());
#endif
    tables.push_back(nullptr);
    return tables;
  }();
  return supported.data();
}

}  // namespace coppice::kernels
