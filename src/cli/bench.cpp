#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <map>
#include <optional>

#include <sys/resource.h>

#include "base/byte_size.h"
#include "base/parallel.h"
#include "base/profile.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/table.h"
#include "cli/bench_options.h"
#include "cli/open_decoder.h"
#include "kernels/isa.h"
#include "kernels/probe.h"
#include "model/kv_cache.h"
#include "model/memory_plan.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using kernels::Multiplied;

// One row of the result.
struct Test {
  int64_t prompt = 0, generate = 0, depth = 0, batch = 1;
  int threads = 1;
  KvType kv_type = KvType::f32;

  int64_t tokens() const { return (prompt + generate) * batch; }
  std::string name() const {
    std::string name = prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generate);
    if (depth > 0) name += fmt::format(" @ d{}", depth);
    return batch > 1 ? fmt::format("{} x {}", name, batch) : name;
  }
};

// Prompts before generation, each over depths, batches, threads and types of cache.
std::vector<Test> tests_of(const BenchOptions& options) {
  std::vector<int64_t> threads = options.threads;
  if (threads.empty()) threads.push_back(thread_count());
  std::vector<Test> tests;
  for (const bool generating : {false, true})
    for (const int64_t length : generating ? options.generate : options.prompt)
      for (const int64_t depth : options.depth)
        for (const int64_t batch : options.batch)
          for (const int64_t count : threads)
            for (const KvType kv_type : options.kv_type)
              if (length > 0)
                tests.push_back({.prompt = generating ? 0 : length,
                                 .generate = generating ? length : 0,
                                 .depth = depth,
                                 .batch = batch,
                                 .threads = static_cast<int>(count),
                                 .kv_type = kv_type});
  if (tests.empty())
    throw Error({.where = "bench", .found = "no test", .advice = "give -p or -n a number above 0"},
                Fault::usage);
  return tests;
}

class Sequences {
 public:
  Sequences(Decoder& decoder, int64_t count) : decoder_(decoder) {
    for (int64_t s = 0; s < count; ++s) caches_.push_back(decoder.new_cache());
  }

  // `count` random tokens into every sequence at once.
  void feed(int64_t count) {
    std::vector<std::vector<int32_t>> ids(caches_.size());
    std::vector<Decoder::Input> inputs;
    for (size_t s = 0; s < ids.size(); ++s) {
      for (int64_t i = 0; i < count; ++i)
        ids[s].push_back(static_cast<int32_t>(rng_.below(static_cast<uint64_t>(decoder_.spec().vocabulary))));
      inputs.push_back({.tokens = ids[s], .cache = caches_[s].get()});
    }
    decoder_.forward(inputs);
  }

 private:
  Decoder& decoder_;
  std::vector<std::unique_ptr<KvCache>> caches_;
  Rng rng_{1};
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double tokens_per_second(Decoder& decoder, const Test& test) {
  Sequences sequences(decoder, test.batch);
  if (test.depth > 0) sequences.feed(test.depth);
  const double start = now();
  if (test.prompt > 0) sequences.feed(test.prompt);
  for (int64_t i = 0; i < test.generate; ++i) sequences.feed(1);
  return static_cast<double>(test.tokens()) / (now() - start);
}

// The share of a round's time that each part took.
Json shares_of_time(Decoder& decoder, const Test& test) {
  Sequences sequences(decoder, test.batch);
  if (test.depth > 0) sequences.feed(test.depth);
  Profile::start();
  if (test.prompt > 0) sequences.feed(test.prompt);
  for (int64_t i = 0; i < std::min<int64_t>(test.generate, 16); ++i) sequences.feed(1);
  Profile::stop();
  const auto seconds = Profile::seconds();
  double all = 0;
  for (const double part : seconds) all += part;
  Json shares = Json::object();
  for (size_t i = 0; i < seconds.size(); ++i) shares[part_names[i].second] = all > 0 ? seconds[i] / all : 0;
  return shares;
}

// What the machine can do with a number of threads.
struct Limits {
  double bandwidth = 0;
  std::map<Multiplied, double> peak;
};

constexpr int64_t probed_bytes = int64_t{256} << 20;

Limits measure_limits(int threads, int64_t bytes = probed_bytes) {
  constexpr double seconds = 0.15;
  Limits limits{.bandwidth = kernels::measure_read_bandwidth(threads, seconds, bytes)};
  for (const Multiplied kind : {Multiplied::f32, Multiplied::bf16, Multiplied::int8})
    if (const auto peak = kernels::measure_peak(kind, threads, seconds / 3)) limits.peak[kind] = *peak;
  return limits;
}

Limits mean_of(const Limits& a, const Limits& b) {
  Limits mean{.bandwidth = (a.bandwidth + b.bandwidth) / 2};
  for (const auto& [kind, peak] : a.peak) mean.peak[kind] = (peak + b.peak.at(kind)) / 2;
  return mean;
}

// The type of most bytes of the files.
std::string main_type(const ModelFiles& files) {
  std::map<std::string, int64_t> bytes;
  for (const auto& tensor : files.stored()) bytes[tensor.type] += tensor.bytes;
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? "none" : most->first;
}

// What a processor that has all instructions would multiply such weights as.
Multiplied multiplied_as(const std::string& stored, WeightType weights) {
  const std::string type = weights == WeightType::as_stored ? stored : to_string(weights);
  if (type == "BF16" || type == "bf16") return Multiplied::bf16;
  if (type.starts_with('Q') || type.starts_with('q') || type == "I8" || type == "U8") return Multiplied::int8;
  return Multiplied::f32;
}

const char* name_of(Multiplied kind) {
  return kind == Multiplied::f32 ? "f32" : kind == Multiplied::bf16 ? "bf16" : "int8";
}

// Weights of a mixer that every token is multiplied by, though nothing but its keys and values may be wanted of it.
struct TakingIn {
  double width;
  double operator()(const AttentionSpec& spec) const {
    return 2 * width * static_cast<double>(spec.kv_heads * spec.head_dim);
  }
  double operator()(const LatentAttentionSpec& spec) const {
    return width * static_cast<double>(spec.latent_rank + spec.rotary_dim);
  }
  double operator()(const ShortConvSpec&) const { return 3 * width * width; }
};

// Multiply-adds with weights for the tokens of a test, twice; the head, and the last block but for what its mixer keeps, only
// where logits are wanted.
double operations_of(const ModelSpec& spec, const Test& test) {
  ModelSpec shorter = spec;
  shorter.blocks.pop_back();
  const double tables = static_cast<double>(spec.vocabulary * spec.width) * (spec.tied_embeddings ? 1 : 2);
  const double body = static_cast<double>(count_parameters(shorter).active) - tables;
  const double last = static_cast<double>(count_parameters(spec).active - count_parameters(shorter).active);
  const double kept = std::visit(TakingIn{static_cast<double>(spec.width)}, spec.blocks.back().mixer);
  const auto head = static_cast<double>(logit_count(spec) * spec.width);
  const auto tokens = static_cast<double>(test.tokens());
  const double wanted = static_cast<double>(test.batch * (test.prompt > 0 ? 1 : test.generate));
  return 2 * ((body + kept) * tokens + (last - kept + head) * wanted);
}

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const std::vector<double>& samples) {
  Spread spread;
  for (const double sample : samples) spread.mean += sample / static_cast<double>(samples.size());
  if (samples.size() > 1) {
    for (const double sample : samples) spread.deviation += std::pow(sample - spread.mean, 2);
    spread.deviation = std::sqrt(spread.deviation / static_cast<double>(samples.size() - 1));
  }
  return spread;
}

int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

using LimitsOfThreads = std::map<int, Limits>;

// What the machine can do with each number of threads that tests take, with a probe that keeps to a budget.
LimitsOfThreads measure_limits(const std::vector<Test>& tests, int64_t budget) {
  constexpr int64_t least = 1 << 20, threads_take = int64_t{4} << 20;
  const int64_t bytes = std::clamp(budget - resident_memory() - threads_take, least, probed_bytes);
  LimitsOfThreads limits;
  for (const auto& test : tests)
    if (!limits.contains(test.threads)) limits[test.threads] = measure_limits(test.threads, bytes);
  return limits;
}

// Puts speeds next to what the machine can do.
void add_limits(Json& row, const Test& test, const Limits& before, const Limits& after, Multiplied kind) {
  const Limits limits = mean_of(before, after);
  const Multiplied used = limits.peak.contains(kind) ? kind : Multiplied::f32;
  const double speed = row["avg_ts"].get<double>(), operations = row["operations_per_token"].get<double>();
  row["read_bytes_per_s"] = limits.bandwidth;
  row["read_bytes_per_s_before"] = before.bandwidth;
  row["peak"] = name_of(used);
  row["peak_per_s"] = limits.peak.at(used);
  row["share_of_peak"] = operations * speed / limits.peak.at(used);
  row["share_of_bandwidth"] = test.generate > 0 && test.batch == 1
                                  ? Json(row["bytes_per_token"].get<double>() * speed / limits.bandwidth)
                                  : Json();
}

// The speed of a test, with probes of the machine right before and behind it unless its limits are told another time.
Json measure(Decoder& decoder, const Test& test, Multiplied kind, const BenchOptions& options) {
  set_threads(test.threads);
  decoder.set_kv_options({.type = test.kv_type});
  tokens_per_second(decoder, test);
  decoder.reset_expert_traffic();
  std::optional<Limits> before;
  if (!options.memory) before = measure_limits(test.threads);
  std::vector<double> samples;
  for (int64_t round = 0; round < options.rounds; ++round)
    samples.push_back(tokens_per_second(decoder, test));
  const ExpertTraffic traffic = decoder.expert_traffic();
  const Spread spread = spread_of(samples);
  const bool one_by_one = test.generate > 0 && test.batch == 1;
  Json row = {
      {"test", test.name()},
      {"n_prompt", test.prompt},
      {"n_gen", test.generate},
      {"n_depth", test.depth},
      {"sequences", test.batch},
      {"n_threads", test.threads},
      {"kv_type", to_string(test.kv_type)},
      {"avg_ts", spread.mean},
      {"stddev_ts", spread.deviation},
      {"samples_ts", samples},
      {"operations_per_token", operations_of(decoder.spec(), test) / static_cast<double>(test.tokens())},
      {"bytes_per_token", one_by_one ? Json(decoder.bytes_per_token()) : Json()},
      {"neurons_skipped", one_by_one ? Json(decoder.silence().share()) : Json()},
      {"experts", traffic.uses > 0 ? traffic_json(traffic) : Json()}};
  if (before) add_limits(row, test, *before, measure_limits(test.threads), kind);
  row["shares_of_time"] = shares_of_time(decoder, test);
  row["peak_resident_bytes"] = peak_resident_bytes();
  return row;
}

std::string percent(const Json& share) {
  return share.is_null() ? "" : fmt::format("{:.0f}%", 100 * share.get<double>());
}

std::string in_words(const Json& shares) {
  std::string words;
  for (const auto& [part, share] : shares.items())
    if (share.get<double>() >= 0.01)
      words += fmt::format("{}{} {:.0f}%", words.empty() ? "" : ", ", part, 100 * share.get<double>());
  return words;
}

std::string csv_cell(const Json& value) {
  std::string cell;
  for (const char c : value.is_string() ? value.get<std::string>() : value.is_null() ? "" : to_line(value))
    cell += c == '"' ? "\"\"" : std::string(1, c);
  return "\"" + cell + "\"";
}

std::string table_of(const Json& rows, bool csv) {
  if (csv) {
    const std::vector<std::string> keys = {"model",
                                           "stored",
                                           "bytes",
                                           "parameters",
                                           "weights",
                                           "isa",
                                           "n_threads",
                                           "sequences",
                                           "n_prompt",
                                           "n_gen",
                                           "n_depth",
                                           "kv_type",
                                           "avg_ts",
                                           "stddev_ts",
                                           "bytes_per_token",
                                           "read_bytes_per_s",
                                           "share_of_bandwidth",
                                           "neurons_skipped",
                                           "peak",
                                           "share_of_peak"};
    std::string text;
    for (const auto& key : keys) text += (text.empty() ? "" : ",") + key;
    text += "\n";
    for (const auto& row : rows) {
      std::string line;
      for (const auto& key : keys) line += (line.empty() ? "" : ",") + csv_cell(row[key]);
      text += line + "\n";
    }
    return text;
  }
  Table table({"model", "size", "params", "weights", "cache", "threads", "test", "t/s", "bytes/token",
               "of bandwidth", "of peak", "experts there", "time"});
  for (const auto& row : rows)
    table.add_row(
        {row["model"].get<std::string>(), human_bytes(row["bytes"].get<double>()),
         human_count(row["parameters"].get<double>()),
         row["weights"] == "as-stored" ? row["stored"].get<std::string>() : row["weights"].get<std::string>(),
         row["kv_type"].get<std::string>(), fmt::format("{}", row["n_threads"].get<int>()),
         row["test"].get<std::string>(),
         fmt::format("{:.2f} ± {:.2f}", row["avg_ts"].get<double>(), row["stddev_ts"].get<double>()),
         row["bytes_per_token"].is_null() ? "" : human_bytes(row["bytes_per_token"].get<double>()),
         percent(row["share_of_bandwidth"]),
         percent(row["share_of_peak"]) + " " + row["peak"].get<std::string>(),
         row["experts"].is_null() ? "" : percent(row["experts"]["hit_rate"]),
         in_words(row["shares_of_time"])});
  return table.markdown();
}

MemoryPlan plan_of(const ModelFiles& files, const Test& test, WeightType weights,
                   const BenchOptions& options) {
  return plan_decoder(files,
                      {.weights = weights, .experts = {}, .kv_type = test.kv_type, .memory = options.memory},
                      {.sequences = test.batch,
                       .length = test.depth + test.prompt + test.generate,
                       .rows = test.batch * std::max<int64_t>({test.prompt, test.depth, 1}),
                       .logit_rows = test.batch});
}

// The least that a test's plan leaves to experts. An Error if one does not fit into what the machine has now.
ExpertMemory memory_for(const ModelFiles& files, const std::vector<Test>& tests, WeightType weights,
                        const BenchOptions& options) {
  MemoryPlan least = plan_of(files, tests.front(), weights, options);
  for (const auto& test : tests) {
    const MemoryPlan plan = plan_of(files, test, weights, options);
    require_memory(plan, available_memory(), files.path().string());
    if (plan.kept_experts < least.kept_experts) least = plan;
  }
  return expert_memory(least);
}

// One row for every test: its memory, and for generation the speed that the machine allows.
int show_plans(const BenchOptions& options, const std::vector<Test>& tests) {
  Json rows = Json::array();
  Table table({"model", "weights", "test", "in the file", "experts kept", "keys and values", "activations",
               "resident", "bytes/token", "out of the file", "t/s at most"});
  std::map<int, double> bandwidth;
  for (const auto& test : tests)
    if (!bandwidth.contains(test.threads))
      bandwidth[test.threads] = kernels::measure_read_bandwidth(test.threads, 0.3);
  const auto shown = [](auto bytes) { return human_bytes(static_cast<double>(bytes)); };
  for (const auto& path : options.models) {
    const auto files = open_model(path);
    for (const WeightType weights : options.weights)
      for (const auto& test : tests) {
        set_threads(test.threads);
        const MemoryPlan plan = plan_of(*files, test, weights, options);
        const PlannedSpeed speed = plan_speed(plan, files, weights, test.batch, bandwidth[test.threads]);
        Json row = {{"model", path.stem().string()},
                    {"weights", to_string(weights)},
                    {"test", test.name()},
                    {"n_threads", test.threads}};
        row.update(plan_json(plan, speed));
        row["most_ts"] = test.generate > 0 ? Json(speed.tokens_per_s) : Json();
        rows.push_back(row);
        table.add_row(
            {path.stem().string(), to_string(weights), test.name(), shown(plan.weight_bytes),
             plan.experts.count > 0 ? fmt::format("{} of {}", plan.kept_experts, plan.experts.count) : "",
             shown(plan.cache_bytes), shown(plan.pass_bytes), shown(plan.resident_bytes()),
             shown(plan.bytes_per_token),
             plan.expected_read_per_token() > 0 ? shown(plan.expected_read_per_token()) : "",
             test.generate > 0 ? fmt::format("{:.1f}", speed.tokens_per_s) : ""});
      }
  }
  print_result(options.common, rows, table.markdown());
  return 0;
}

void check_lengths(const ModelSpec& spec, const std::vector<Test>& tests, const fs::path& model) {
  for (const auto& test : tests)
    if (test.depth + test.prompt + test.generate > spec.context)
      throw Error({.where = model.string(),
                   .found = fmt::format("{} tokens of context for {}",
                                        test.depth + test.prompt + test.generate, test.name()),
                   .expected = fmt::format("at most the model's context of {}", spec.context),
                   .advice = "take smaller -p, -n or -d"},
                  Fault::usage);
}

}  // namespace

int run_bench(const BenchOptions& options) {
  const auto tests = tests_of(options);
  for (const auto& model : options.models) {  // before the first takes its time
    const auto files = open_model(model);
    require_next_token_model(files->spec(), model.string());
    check_lengths(files->spec(), tests, model);
    if (!options.dry_run)
      for (const WeightType weights : options.weights) memory_for(*files, tests, weights, options);
  }
  if (options.dry_run) return show_plans(options, tests);
  const BenchOutput output = options.common.json ? BenchOutput::json : options.output;
  Json rows = Json::array();
  const auto show = [&](const Json& row) {
    if (output == BenchOutput::jsonl) std::cout << to_line(row) << std::endl;
  };
  Progress progress(
      "bench", static_cast<int64_t>(tests.size() * options.models.size() * options.weights.size()), "tests");
  for (const auto& model : options.models)
    for (const WeightType weights : options.weights) {
      // The memory that probes read lies outside of the model's: a budget has room for one of them at a time.
      const auto probe = [&] {
        return options.memory ? measure_limits(tests, parse_byte_size(*options.memory, "--memory"))
                              : LimitsOfThreads();
      };
      const LimitsOfThreads before = probe();
      const double start = now();
      const auto files = open_model(model);
      const std::string stored = main_type(*files);
      const Multiplied kind = multiplied_as(stored, weights);
      std::optional<Decoder> decoder(std::in_place, files, weights, PackWhen::at_load,
                                     memory_for(*files, tests, weights, options));
      const double loading = now() - start;
      std::vector<Json> of_model;
      for (const auto& test : tests) {
        Json row = {{"model", model.stem().string()},
                    {"path", model.string()},
                    {"bytes", files->total_bytes()},
                    {"parameters", count_parameters(decoder->spec()).total},
                    {"stored", stored},
                    {"weights", to_string(weights)},
                    {"isa", to_string(kernels::active_isa())},
                    {"loading_seconds", loading}};
        row.update(measure(*decoder, test, kind, options));
        progress.advance(1, test.name());
        of_model.push_back(std::move(row));
        if (!options.memory) show(of_model.back());
      }
      decoder.reset();
      const LimitsOfThreads after = probe();
      for (size_t i = 0; i < tests.size(); ++i) {
        const int threads = tests[i].threads;
        if (options.memory) {
          add_limits(of_model[i], tests[i], before.at(threads), after.at(threads), kind);
          show(of_model[i]);
        }
        rows.push_back(std::move(of_model[i]));
      }
    }
  if (output == BenchOutput::json) std::cout << to_text(rows);
  if (output == BenchOutput::md || output == BenchOutput::csv)
    std::cout << table_of(rows, output == BenchOutput::csv);
  return 0;
}

}  // namespace coppice
