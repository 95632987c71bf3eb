#pragma once
// What running a model takes, told before anything is loaded: from the spec and the sizes of the files alone. It is the most
// that can come: weights of which many are 0 take less in memory (model/fastest_panels.h), but who wants to know would have to
// read all of them. The store of experts finds out while it runs, and then keeps more of them than planned.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "model/decoder.h"
#include "model/expert_store.h"
#include "model/kv_cache.h"
#include "model/model_files.h"

namespace coppice {

// What a model is to be run on.
struct Workload {
  int64_t sequences = 1;   // at once
  int64_t length = 1;      // of each at its end
  int64_t rows = 1;        // tokens that one pass takes in at most
  int64_t logit_rows = 1;  // of them, those whose logits are wanted
  WeightType weights = WeightType::as_stored;
  KvType kv_type = KvType::f32;
  std::optional<int64_t> top_k = std::nullopt;  // of every mixture, instead of the model's own
};

struct MemoryPlan {
  int64_t weight_bytes = 0;          // of the files
  int64_t cache_bytes = 0;           // of all sequences at their full length
  int64_t pass_bytes = 0;            // activations of the largest pass, and its logits
  int64_t bytes_per_token = 0;       // weights that one new token reads, at the files' bits per weight
  int64_t cache_read_per_token = 0;  // keys and values that one new token at the full length reads

  // Where experts of separate storage make room for each other (model/expert_store.h).
  ExpertSizes experts;
  int64_t program_bytes = 0;           // what the process holds already, and its threads will
  int64_t other_weight_bytes = 0;      // all but those experts, as they lie in memory
  int64_t passing_bytes = 0;           // of weights on their way into panels
  int64_t expert_bytes_per_token = 0;  // of those experts that one token uses
  int64_t kept_experts = 0;            // in memory at a time: all, or those that a budget has room for

  int64_t resident_bytes() const;
  // The share of uses that find their expert there if all experts are wanted equally often, and what one new token then
  // reads from the file.
  double expected_hit_rate() const;
  double expected_read_per_token() const;
};

MemoryPlan plan_memory(const ModelFiles& files, const Workload& work);

// Lets the plan keep as many experts as `budget` bytes of resident memory have room for. An Error if the largest one has
// none, or if there are none to leave out.
void fit_into(MemoryPlan& plan, int64_t budget);

// What an ExpertStore is to keep to by the plan.
ExpertMemory expert_memory(const MemoryPlan& plan);

// Bytes of experts that the machine brings from the file into panels in a second, as the system caches the file now:
// packs a few. 0 for a model without such experts.
double measure_packing(const std::shared_ptr<const ModelFiles>& files, WeightType weights);

// Bytes that the system can give to a program now, and those that this one holds.
int64_t available_memory();
int64_t resident_memory();

// An Error, naming `where`, unless the plan fits into `available` bytes.
void require_memory(const MemoryPlan& plan, int64_t available, const std::string& where);

}  // namespace coppice
