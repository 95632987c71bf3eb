// A config.json of any bytes: refused with an Error, or a spec that is consistent, of bounded size, and the
// same after it is written and read again.

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "model/arch/families.h"
#include "model/block_scales.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  try {
    Json config = parse_json({reinterpret_cast<const char*>(data), size}, "input");
    if (const auto blocks = read_block_scales(config, "input"))
      COPPICE_CHECK(blocks->shape_for({1, 1}) == std::vector<int64_t>(2, 1));
    if (config.is_object()) config.erase("quantization_config");
    ModelSpec spec = spec_from_config(config, "input");
    size_t experts = 0;
    for (const auto& block : spec.blocks)
      if (const MoeSpec* moe = moe_of(block)) experts += moe->widths.size();
    COPPICE_CHECK(spec.blocks.size() <= static_cast<size_t>(max_layers) &&
                  experts <= static_cast<size_t>(max_experts_in_model));
    // Whatever is large beyond this only makes each input slow.
    if (spec.blocks.size() + experts > 2000) return 0;
    const ParameterCount count = count_parameters(spec);
    COPPICE_CHECK(count.total > 0 && count.active <= count.total && count.ffn_active <= count.ffn_total &&
                  count.ffn_total <= count.total);
    spec.family = writable_family(spec);
    const ModelSpec again = spec_from_config(families().get(spec.family).write(spec), "again");
    // Fields that a family leaves out because they have no effect may return to their defaults, once.
    const ModelSpec third = spec_from_config(families().get(again.family).write(again), "third");
    COPPICE_CHECK(third == again && count_parameters(again).total == count.total);
  } catch (const Error&) {
  }
  return 0;
}
