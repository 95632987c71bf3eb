#include "model/memory_plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include <unistd.h>

#include "base/parallel.h"
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

// Bytes of a kept number, its share of scales included.
double kept_bytes(KvType type) {
  switch (type) {
    case KvType::f32:
      return 4;
    case KvType::bf16:
    case KvType::f16:
      return 2;
    case KvType::q8:
      return 1.125;  // a scale for each head of 32 or more
  }
  COPPICE_CHECK(false, "every type of cache has a size");
}

bool is_expert(const ModelSpec& spec, const std::string& name) {
  if (name.find(".mlp.experts.") == std::string::npos) return false;
  const bool encoder = name.starts_with("model.encoder.");
  const auto& blocks = encoder ? spec.encoder->blocks : spec.blocks;
  const std::string stack = encoder ? "model.encoder.layers." : "model.layers.";
  const MoeSpec* moe = moe_of(blocks[std::stoul(name.substr(stack.size()))]);
  return moe != nullptr && moe->storage == ExpertStorage::separate;
}

bool is_table(const ModelSpec& spec, const std::string& name) {
  return name == "model.embed_positions.weight" || name == "model.embed_token_types.weight" ||
         (name == "model.embed_tokens.weight" && !spec.tied_embeddings);
}

// All weights but experts of separate storage, as they lie in memory: matrices in panels, vectors as floats, and of tables
// the pages that looking up so many rows touches.
int64_t other_weights(const ModelFiles& files, const Workload& work) {
  constexpr int64_t mapped_at_once = 1 << 16;  // the system maps so much of a file around what is touched
  const ModelSpec& spec = files.spec();
  double bytes = 0;
  for (const auto& tensor : tensor_table(spec)) {
    if (is_expert(spec, tensor.name)) continue;
    if (tensor.integer || tensor.shape.size() != 2) {
      bytes += 4.0 * static_cast<double>(tensor.count());
      continue;
    }
    if (!is_table(spec, tensor.name)) {
      bytes += static_cast<double>(panels_for(files, tensor.name, work.weights).bytes());
      continue;
    }
    const GgmlTypeInfo& type = ggml_type_info(files.form(tensor.name).type);
    const double whole = static_cast<double>(tensor.count()) / static_cast<double>(type.block_elements) *
                         static_cast<double>(type.block_bytes);
    bytes += std::min(
        whole, static_cast<double>(mapped_at_once) * static_cast<double>(work.sequences * work.length));
  }
  return static_cast<int64_t>(bytes);
}

// Of tensors on their way into panels: each thread reads the rows of a panel, and packs up to three panels of an expert that
// are not to stay. What is made in memory lies there as a whole, beside the pages of the file that it is made of, and so do
// those that neurons are gathered from.
int64_t passing_bytes(const ModelFiles& files, const Workload& work) {
  constexpr int64_t panels_at_once = 3;
  const bool gathers = std::ranges::any_of(files.spec().blocks, [](const BlockSpec& block) {
    const MoeSpec* moe = moe_of(block);
    return moe != nullptr && moe->storage == ExpertStorage::indexed;
  });
  int64_t largest_panel = 0, largest_made = 0;
  for (const auto& tensor : tensor_table(files.spec())) {
    if (tensor.integer || tensor.shape.size() != 2) continue;
    const TensorForm form = files.form(tensor.name);
    const Matrix matrix = panels_for(files, tensor.name, work.weights);
    const int64_t bytes = StoredRows{.type = form.type, .columns = form.shape[1]}.row_bytes();
    if (form.made || gathers) largest_made = std::max(largest_made, 2 * form.shape[0] * bytes);
    largest_panel =
        std::max(largest_panel, kernels::panel_rows * (bytes + panels_at_once * matrix.row_bytes()));
  }
  return thread_count() * largest_panel + largest_made;
}

// Of experts of separate storage, those that one token uses.
int64_t experts_of_a_token(const ModelSpec& spec, const ExpertSizes& sizes) {
  double used = 0;
  for (const auto& block : spec.blocks)
    if (const MoeSpec* moe = moe_of(block); moe != nullptr && moe->storage == ExpertStorage::separate)
      used += static_cast<double>(moe->top_k);
  const double mean =
      static_cast<double>(sizes.bytes) / static_cast<double>(std::max<int64_t>(1, sizes.count));
  return std::llround(used * mean);
}

std::string shown(int64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

}  // namespace

MemoryPlan plan_memory(const ModelFiles& files, const Workload& work) {
  ModelSpec spec = files.spec();
  MemoryPlan plan{.weight_bytes = files.total_bytes(), .experts = ExpertSizes::of(files, work.weights)};
  for (auto& block : spec.blocks)
    if (MoeSpec* moe = moe_of(block); moe != nullptr && work.top_k) {
      moe->top_k = std::min(*work.top_k, moe->experts());
    }
  int64_t kept = 0;
  for (const auto& block : spec.blocks)
    kept += std::visit([&](const auto& mixer) { return kept_floats(mixer, work.length, spec.width); },
                       block.mixer);
  plan.cache_read_per_token = static_cast<int64_t>(static_cast<double>(kept) * kept_bytes(work.kv_type));
  plan.cache_bytes = plan.cache_read_per_token * work.sequences;
  // The residual stream three times, queries, keys and values about as often, hidden neurons, and logits.
  plan.pass_bytes =
      4 * (work.rows * (6 * spec.width + 2 * widest_ffn(spec)) + work.logit_rows * logit_count(spec));
  const ParameterCount count = count_parameters(spec);
  const int64_t looked_up =
      spec.tied_embeddings || spec.head == HeadKind::none ? 0 : spec.vocabulary * spec.width;
  const double bytes_per_weight =
      static_cast<double>(plan.weight_bytes) / static_cast<double>(std::max<int64_t>(1, count.total));
  plan.bytes_per_token =
      static_cast<int64_t>(static_cast<double>(count.active - looked_up) * bytes_per_weight);
  constexpr int64_t still_to_come = int64_t{12} << 20;  // stacks of threads, and what they work in
  plan.program_bytes = resident_memory() + still_to_come;
  plan.other_weight_bytes = other_weights(files, work);
  plan.passing_bytes = passing_bytes(files, work);
  plan.expert_bytes_per_token = experts_of_a_token(spec, plan.experts);
  plan.kept_experts = plan.experts.count;
  return plan;
}

int64_t MemoryPlan::resident_bytes() const {
  const int64_t kept = kept_experts == experts.count ? experts.bytes : kept_experts * experts.largest_bytes;
  return program_bytes + other_weight_bytes + cache_bytes + pass_bytes + passing_bytes + kept;
}

double MemoryPlan::expected_hit_rate() const {
  return experts.count == 0 ? 1 : static_cast<double>(kept_experts) / static_cast<double>(experts.count);
}

double MemoryPlan::expected_read_per_token() const {
  return (1 - expected_hit_rate()) * static_cast<double>(expert_bytes_per_token);
}

void fit_into(MemoryPlan& plan, int64_t budget) {
  if (plan.resident_bytes() <= budget) return;
  const int64_t slot = std::max<int64_t>(1, plan.experts.largest_bytes);
  MemoryPlan least = plan;
  least.kept_experts = std::min<int64_t>(1, plan.experts.count);
  const int64_t without = least.resident_bytes() - least.kept_experts * slot;
  if (plan.experts.count > 0 && least.resident_bytes() <= budget) {
    plan.kept_experts = std::min((budget - without) / slot, plan.experts.count - 1);
    return;
  }
  const bool long_context = plan.cache_bytes + plan.pass_bytes > plan.other_weight_bytes;
  const std::string kept =
      plan.experts.count == 0 ? "" : fmt::format(", {} for the largest expert", shown(slot));
  throw Error({.where = "--memory",
               .found = shown(budget),
               .expected = fmt::format(
                   "at least {}: {} of weights{}, {} of keys and values, {} of activations, {} "
                   "for the program and pages of files",
                   shown(least.resident_bytes()), shown(plan.other_weight_bytes),
                   plan.experts.count == 0 ? "" : " outside of experts" + kept, shown(plan.cache_bytes),
                   shown(plan.pass_bytes), shown(plan.program_bytes + plan.passing_bytes)),
               .advice = long_context ? "allow that much, or take a shorter context or fewer sequences"
                         : plan.experts.count == 0
                             ? "allow that much, or quantize the model: only experts can stay in the file"
                             : "allow that much, or quantize the model"},
              Fault::resource);
}

ExpertMemory expert_memory(const MemoryPlan& plan) {
  if (plan.kept_experts == plan.experts.count) return {};
  return {.bytes = plan.kept_experts * plan.experts.largest_bytes};
}

double measure_packing(const std::shared_ptr<const ModelFiles>& files, WeightType weights) {
  constexpr int64_t most = 8;
  const ModelSpec& spec = files->spec();
  for (size_t layer = 0; layer < spec.blocks.size(); ++layer) {
    const MoeSpec* moe = moe_of(spec.blocks[layer]);
    if (moe == nullptr || moe->storage != ExpertStorage::separate) continue;
    WeightStore store(files, weights);
    ExpertStore experts(store, weights, PackWhen::at_load,
                        {.bytes = ExpertSizes::of(*files, weights).largest_bytes});
    const int64_t count = std::min(most, moe->experts());
    for (int64_t e = 0; e < count; ++e)
      experts.add(expert_matrices(fmt::format("model.layers.{}.mlp.experts.{}.", layer, e), moe->gated));
    // The first one only makes the system give the memory.
    experts.hold(std::vector<int64_t>{0}, true);
    experts.reset_traffic();
    const auto start = std::chrono::steady_clock::now();
    for (int64_t e = count - 1; e >= 0; --e) experts.hold(std::vector<int64_t>{e}, true);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return static_cast<double>(experts.traffic().packed_bytes) / std::max(elapsed.count(), 1e-9);
  }
  return 0;
}

int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  int64_t kibibytes = 0;
  while (file >> key >> kibibytes >> unit)
    if (key == "MemAvailable:") return kibibytes * 1024;
  return INT64_MAX;  // no such system: let the allocation decide
}

int64_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  int64_t whole = 0, resident = 0;
  file >> whole >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

void require_memory(const MemoryPlan& plan, int64_t available, const std::string& where) {
  const int64_t needed = plan.resident_bytes() - plan.program_bytes;
  if (needed <= available) return;
  const int64_t weights = needed - plan.cache_bytes - plan.pass_bytes;
  throw Error({.where = where,
               .found = fmt::format("{} of weights, {} of keys and values and {} of activations",
                                    shown(weights), shown(plan.cache_bytes), shown(plan.pass_bytes)),
               .expected = fmt::format("at most the {} of memory that are free", shown(available)),
               .advice = weights <= available ? "take a shorter context or fewer sequences"
                         : plan.experts.count > 0
                             ? "let experts stay in the file with --memory, or quantize the model"
                             : "quantize the model, or take a smaller one"},
              Fault::resource);
}

}  // namespace coppice
