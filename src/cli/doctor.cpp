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

}  // namespace

int run_doctor(const DoctorOptions& options) {
  using namespace kernels;
  constexpr double probe_seconds = 0.4;
  std::vector<std::string> found;
  for (const Isa isa : supported_isas()) found.push_back(to_string(isa));
  const int threads = thread_count();
  const auto lab = find_lab();
  const Json json = {{"isa", to_string(active_isa())},
                     {"isas_found", found},
                     {"threads", threads},
                     {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
                     {"memory_bytes", memory_bytes(_SC_PHYS_PAGES)},
                     {"memory_available_bytes", memory_bytes(_SC_AVPHYS_PAGES)},
                     {"read_bytes_per_s",
                      {{"one_thread", measure_read_bandwidth(1, probe_seconds)},
                       {"all_threads", measure_read_bandwidth(threads, probe_seconds)}}},
                     {"peak_f32_flops",
                      {{"one_thread", measure_peak_flops(1, probe_seconds / 2)},
                       {"all_threads", measure_peak_flops(threads, probe_seconds / 2)}}},
                     {"lab", lab ? Json(lab->string()) : Json()}};
  const auto giga = [&](const char* key, const char* who) { return json[key][who].get<double>() * 1e-9; };
  std::string all;
  for (const auto& name : found) all += (all.empty() ? "" : ", ") + name;
  print_result(
      options.common, json,
      fmt::format("instruction set   {} (this machine has {})\n", to_string(active_isa()), all) +
          fmt::format("cores             {}, of which {} are used\n", json["cores"].get<int64_t>(), threads) +
          fmt::format("memory            {}\n", human_bytes(json["memory_bytes"].get<double>())) +
          fmt::format("read bandwidth    {:.1f} GB/s with one thread, {:.1f} with {}\n",
                      giga("read_bytes_per_s", "one_thread"), giga("read_bytes_per_s", "all_threads"),
                      threads) +
          fmt::format("f32 multiply-add  {:.0f} GFLOP/s with one thread, {:.0f} with {}\n",
                      giga("peak_f32_flops", "one_thread"), giga("peak_f32_flops", "all_threads"), threads) +
          fmt::format("coppice-lab       {}\n",
                      lab ? lab->string() : "not found: train, convert and compare need it"));
  return 0;
}

}  // namespace coppice
