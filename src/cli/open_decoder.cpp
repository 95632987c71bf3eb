#include "cli/open_decoder.h"

#include "base/byte_size.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "kernels/probe.h"

namespace coppice {
namespace {

std::string shown(double bytes) {
  return human_bytes(bytes);
}
std::string shown(int64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

}  // namespace

MemoryPlan plan_decoder(const ModelFiles& files, const RuntimeOptions& options, Workload work) {
  work.weights = options.weights;
  work.kv_type = options.kv_type;
  work.top_k = options.experts;
  MemoryPlan plan = plan_memory(files, work);
  if (options.memory) fit_into(plan, parse_byte_size(*options.memory, "--memory"));
  return plan;
}

Decoder open_decoder(const std::shared_ptr<const ModelFiles>& files, const RuntimeOptions& options,
                     const Workload& work, PackWhen when) {
  const MemoryPlan plan = plan_decoder(*files, options, work);
  require_memory(plan, available_memory(), files->path().string());
  const ExpertMemory experts = expert_memory(plan);
  // Until all is packed between passes, weights that the file has in another form are in memory once more.
  if (options.memory) when = PackWhen::at_load;
  Decoder decoder(files, options.weights, when, experts);
  if (options.experts) decoder.set_top_k(*options.experts);
  decoder.set_kv_options({.type = options.kv_type});
  return decoder;
}

PlannedSpeed plan_speed(const MemoryPlan& plan, const std::shared_ptr<const ModelFiles>& files,
                        WeightType weights, int64_t sequences, double read_bytes_per_s) {
  PlannedSpeed speed{.read_bytes_per_s = read_bytes_per_s};
  // All sequences share the weights that they read, but each reads its own keys and values.
  double seconds =
      static_cast<double>(plan.bytes_per_token + sequences * plan.cache_read_per_token) / read_bytes_per_s;
  if (plan.kept_experts < plan.experts.count) {
    speed.packed_bytes_per_s = measure_packing(files, weights);
    seconds += plan.expected_read_per_token() / std::max(1.0, speed.packed_bytes_per_s);
  }
  speed.tokens_per_s = static_cast<double>(sequences) / seconds;
  return speed;
}

Json plan_json(const MemoryPlan& plan, const PlannedSpeed& speed) {
  return {{"weight_bytes", plan.weight_bytes},
          {"other_weight_bytes", plan.other_weight_bytes},
          {"experts", plan.experts.count},
          {"expert_bytes", plan.experts.bytes},
          {"kept_experts", plan.kept_experts},
          {"cache_bytes", plan.cache_bytes},
          {"pass_bytes", plan.pass_bytes},
          {"program_bytes", plan.program_bytes},
          {"passing_bytes", plan.passing_bytes},
          {"resident_bytes", plan.resident_bytes()},
          {"bytes_per_token", plan.bytes_per_token},
          {"expected_hit_rate", plan.expected_hit_rate()},
          {"expected_read_per_token", plan.expected_read_per_token()},
          {"read_bytes_per_s", speed.read_bytes_per_s},
          {"packed_bytes_per_s", speed.packed_bytes_per_s > 0 ? Json(speed.packed_bytes_per_s) : Json()}};
}

int show_plan(const MemoryPlan& plan, const std::shared_ptr<const ModelFiles>& files,
              const RuntimeOptions& options, const CommonOptions& common) {
  const PlannedSpeed speed =
      plan_speed(plan, files, options.weights, 1, kernels::measure_read_bandwidth(thread_count(), 0.3));
  std::string text;
  const auto line = [&](const char* name, const std::string& value) {
    text += fmt::format("{:<20}{}\n", name, value);
  };
  line("weights", fmt::format("{} in the file", shown(plan.weight_bytes)));
  if (plan.experts.count > 0) {
    line("  outside of experts", shown(plan.other_weight_bytes));
    line("  experts", fmt::format("{} at most, of which {}{} of {} in memory", shown(plan.experts.bytes),
                                  plan.kept_experts < plan.experts.count ? "at least " : "",
                                  plan.kept_experts, plan.experts.count));
  }
  line("keys and values", shown(plan.cache_bytes));
  line("activations", shown(plan.pass_bytes));
  line("program, pages", shown(plan.program_bytes + plan.passing_bytes));
  line("resident", fmt::format("{} at most", shown(plan.resident_bytes())));
  line("bytes per token", shown(plan.bytes_per_token));
  if (speed.packed_bytes_per_s > 0)
    line("out of the file",
         fmt::format(
             "{} per token if all experts are wanted equally often ({:.0f}% are there), at {}/s as the "
             "system caches the file now",
             shown(plan.expected_read_per_token()), 100 * plan.expected_hit_rate(),
             shown(speed.packed_bytes_per_s)));
  line("tokens/s",
       fmt::format("{:.1f} at most, at {}/s of memory", speed.tokens_per_s, shown(speed.read_bytes_per_s)));
  Json json = plan_json(plan, speed);
  json["most_ts"] = speed.tokens_per_s;
  print_result(common, json, text);
  return 0;
}

Json traffic_json(const ExpertTraffic& traffic) {
  return {{"uses", traffic.uses},
          {"hits", traffic.hits},
          {"hit_rate", traffic.hit_rate()},
          {"ahead", traffic.ahead},
          {"ahead_used", traffic.ahead_used},
          {"evictions", traffic.evictions},
          {"packed_bytes", traffic.packed_bytes}};
}

void report_experts(const Decoder& decoder, const RuntimeOptions& options) {
  const ExpertTraffic traffic = decoder.expert_traffic();
  if (!options.memory || traffic.uses == 0) return;
  log_info("experts were there {} of {} times ({:.1f}%); {} out of the file; {} read ahead, {} of them used",
           traffic.hits, traffic.uses, 100 * traffic.hit_rate(), shown(traffic.packed_bytes), traffic.ahead,
           traffic.ahead_used);
}

}  // namespace coppice
