#pragma once
// A decoder as RuntimeOptions ask for it, in the memory that they allow, and what is told about that.

#include "cli/run_options.h"
#include "model/memory_plan.h"

namespace coppice {

// The plan of a model under those options; of `work`, what the options say is filled in. An Error if it does not fit into
// --memory.
MemoryPlan plan_decoder(const ModelFiles& files, const RuntimeOptions& options, Workload work);

// The decoder, after its plan. An Error if that does not fit into what the machine has now.
Decoder open_decoder(const std::shared_ptr<const ModelFiles>& files, const RuntimeOptions& options,
                     const Workload& work, PackWhen when = PackWhen::at_load);

// What a plan lets expect on this machine.
struct PlannedSpeed {
  double read_bytes_per_s = 0;    // of memory
  double packed_bytes_per_s = 0;  // of experts out of the file; 0: none have to be
  double tokens_per_s = 0;        // of generation, all sequences together
};
// Measures what the plan needs to know: experts out of the file only if it leaves some there.
PlannedSpeed plan_speed(const MemoryPlan& plan, const std::shared_ptr<const ModelFiles>& files,
                        WeightType weights, int64_t sequences, double read_bytes_per_s);
Json plan_json(const MemoryPlan& plan, const PlannedSpeed& speed);
// The plan of one model on so many threads as loops use, measured and printed.
int show_plan(const MemoryPlan& plan, const std::shared_ptr<const ModelFiles>& files,
              const RuntimeOptions& options, const CommonOptions& common);

Json traffic_json(const ExpertTraffic& traffic);
// Tells, on stderr, how often experts were there, if they had to make room for each other.
void report_experts(const Decoder& decoder, const RuntimeOptions& options);

}  // namespace coppice
