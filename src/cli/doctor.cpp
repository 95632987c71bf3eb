#include <unistd.h>

#include "base/parallel.h"
#include "base/progress.h"
#include "cli/doctor_options.h"
#include "kernels/isa.h"
#include "kernels/probe.h"

namespace coppice {
namespace {

int64_t memory_bytes(int name) {
  return static_cast<int64_t>(sysconf(name)) * sysconf(_SC_PAGESIZE);
}

// What the figures say about how to run models here.
std::vector<std::string> advice(const Json& json) {
  std::vector<std::string> lines;
  const auto number = [&](const char* key, const char* who) { return json[key][who].get<double>(); };
  const double bandwidth = number("read_bytes_per_s", "all_threads");
  lines.push_back(
      fmt::format("a model generates at most bandwidth / (bytes of its active weights): a billion weights "
                  "{:.0f} tokens/s in bf16, "
                  "{:.0f} in q8_0, {:.0f} in q4_0",
                  bandwidth / 2e9, bandwidth / 1.0625e9, bandwidth / 0.5625e9));
  if (json["threads"].get<int>() > 1 && bandwidth < 1.2 * number("read_bytes_per_s", "one_thread"))
    lines.push_back(
        "one thread reads almost as fast as all: the memory is busy with other work, or one is enough to "
        "generate");
  if (json["threads"].get<int64_t>() < json["cores"].get<int64_t>())
    lines.push_back("not all cores are used: --threads or COPPICE_THREADS says how many are");
  if (json["isa"] != json["isas_found"].back())
    lines.push_back("COPPICE_ISA keeps the kernels from the best instruction set of this machine");
  lines.push_back(!json["peak_int8_ops"].is_null()
                      ? "quantized models take prompts in fastest here (int8 products)"
                  : !json["peak_bf16_flops"].is_null()
                      ? "models in bf16 take prompts in fastest here"
                      : "quantized models save memory here, but take prompts in no faster");
  return lines;
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  using namespace kernels;
  constexpr double probe_seconds = 0.4;
  std::vector<std::string> found;
  for (const Isa isa : supported_isas()) found.push_back(to_string(isa));
  const int threads = thread_count();
  const auto lab = find_lab();
  const auto peaks = [&](Multiplied kind) {
    const auto one = measure_peak(kind, 1, probe_seconds / 4),
               all = measure_peak(kind, threads, probe_seconds / 4);
    return one ? Json{{"one_thread", *one}, {"all_threads", *all}} : Json();
  };
  const Json json = {{"isa", to_string(active_isa())},
                     {"isas_found", found},
                     {"threads", threads},
                     {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
                     {"memory_bytes", memory_bytes(_SC_PHYS_PAGES)},
                     {"memory_available_bytes", memory_bytes(_SC_AVPHYS_PAGES)},
                     {"read_bytes_per_s",
                      {{"one_thread", measure_read_bandwidth(1, probe_seconds)},
                       {"all_threads", measure_read_bandwidth(threads, probe_seconds)}}},
                     {"peak_f32_flops", peaks(Multiplied::f32)},
                     {"peak_bf16_flops", peaks(Multiplied::bf16)},
                     {"peak_int8_ops", peaks(Multiplied::int8)},
                     {"lab", lab ? Json(lab->string()) : Json()}};
  const auto rate = [&](const char* key, const char* unit) {
    if (json[key].is_null()) return std::string("not on this machine\n");
    const double one = json[key]["one_thread"].get<double>(), all = json[key]["all_threads"].get<double>();
    return fmt::format("{:.0f} {} with one thread, {:.0f} with {}\n", one * 1e-9, unit, all * 1e-9, threads);
  };
  std::string all;
  for (const auto& name : found) all += (all.empty() ? "" : ", ") + name;
  std::string text =
      fmt::format("instruction set   {} (this machine has {})\n", to_string(active_isa()), all) +
      fmt::format("cores             {}, of which {} are used\n", json["cores"].get<int64_t>(), threads) +
      fmt::format("memory            {}, of which {} are free\n",
                  human_bytes(json["memory_bytes"].get<double>()),
                  human_bytes(json["memory_available_bytes"].get<double>())) +
      "read bandwidth    " + rate("read_bytes_per_s", "GB/s") + "f32 multiply-add  " +
      rate("peak_f32_flops", "GFLOP/s") + "bf16 products     " + rate("peak_bf16_flops", "GFLOP/s") +
      "int8 products     " + rate("peak_int8_ops", "GOP/s") +
      fmt::format("coppice-lab       {}\n",
                  lab ? lab->string() : "not found: train, convert and compare need it");
  for (const auto& line : advice(json)) text += "advice            " + line + "\n";
  Json result = json;
  result["advice"] = advice(json);
  print_result(options.common, result, text);
  return 0;
}

}  // namespace coppice
