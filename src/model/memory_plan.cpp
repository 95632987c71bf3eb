#include "model/memory_plan.h"

#include <algorithm>
#include <fstream>

#include "base/progress.h"

namespace coppice {
namespace {

// Floats that a layer keeps of `length` positions of one sequence.
int64_t kept_floats(const AttentionSpec& attention, int64_t length, int64_t /*width*/) {
  const int64_t seen = attention.window > 0 ? std::min(length, attention.window) : length;
  return 2 * attention.kv_heads * attention.head_dim * seen;
}
int64_t kept_floats(const LatentAttentionSpec& attention, int64_t length, int64_t /*width*/) {
  return (attention.latent_rank + attention.rotary_dim) * length;
}
int64_t kept_floats(const ShortConvSpec& conv, int64_t /*length*/, int64_t width) {
  return conv.kernel_size * width;
}

int64_t widest_ffn(const ModelSpec& spec) {
  int64_t widest = 0;
  for (const auto& block : spec.blocks) {
    const MoeSpec* moe = moe_of(block);
    if (moe == nullptr) {
      widest = std::max(widest, std::get<DenseFfnSpec>(block.ffn).width);
      continue;
    }
    const int64_t expert = moe->widths.empty() ? 0 : *std::ranges::max_element(moe->widths);
    widest = std::max(widest, moe->top_k * expert + moe->shared_width);
  }
  return widest;
}

}  // namespace

MemoryPlan plan_memory(const ModelFiles& files, int64_t sequences, int64_t length, int64_t rows) {
  const ModelSpec& spec = files.spec();
  MemoryPlan plan{.weight_bytes = files.total_bytes()};
  int64_t kept = 0;
  for (const auto& block : spec.blocks)
    kept +=
        std::visit([&](const auto& mixer) { return kept_floats(mixer, length, spec.width); }, block.mixer);
  plan.cache_read_per_token = kept * 4;
  plan.cache_bytes = plan.cache_read_per_token * sequences;
  // The residual stream three times, queries, keys and values about as often, hidden neurons, and a row of logits for each
  // sequence.
  plan.pass_bytes = 4 * (rows * (6 * spec.width + 2 * widest_ffn(spec)) + sequences * logit_count(spec));
  const ParameterCount count = count_parameters(spec);
  const int64_t looked_up =
      spec.tied_embeddings || spec.head == HeadKind::none ? 0 : spec.vocabulary * spec.width;
  const double bytes_per_weight =
      static_cast<double>(plan.weight_bytes) / static_cast<double>(std::max<int64_t>(1, count.total));
  plan.bytes_per_token =
      static_cast<int64_t>(static_cast<double>(count.active - looked_up) * bytes_per_weight);
  return plan;
}

int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  int64_t kibibytes = 0;
  while (file >> key >> kibibytes >> unit)
    if (key == "MemAvailable:") return kibibytes * 1024;
  return INT64_MAX;  // no such system: let the allocation decide
}

void require_memory(const MemoryPlan& plan, int64_t available, const std::string& where) {
  if (plan.resident_bytes() <= available) return;
  const auto shown = [](int64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
  throw Error(
      {.where = where,
       .found = fmt::format("{} of weights, {} of keys and values and {} of activations",
                            shown(plan.weight_bytes), shown(plan.cache_bytes), shown(plan.pass_bytes)),
       .expected = fmt::format("at most the {} of memory that are free", shown(available)),
       .advice = plan.weight_bytes > available ? "quantize the model, or take a smaller one"
                                               : "take a shorter context or fewer sequences"},
      Fault::resource);
}

}  // namespace coppice
