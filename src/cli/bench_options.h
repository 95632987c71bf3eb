#pragma once

#include "cli/run_options.h"

namespace coppice {

enum class BenchOutput { md, csv, json, jsonl };

template <>
struct EnumNames<BenchOutput> {
  static constexpr auto values =
      std::to_array<std::pair<BenchOutput, const char*>>({{BenchOutput::md, "md"},
                                                          {BenchOutput::csv, "csv"},
                                                          {BenchOutput::json, "json"},
                                                          {BenchOutput::jsonl, "jsonl"}});
};

struct BenchOptions {
  std::vector<std::filesystem::path> models;
  std::vector<int64_t> prompt = {512}, generate = {128}, depth = {0}, batch = {1}, threads;
  std::vector<WeightType> weights = {WeightType::as_stored};
  std::vector<KvType> kv_type = {KvType::f32};
  int64_t rounds = 5;
  BenchOutput output = BenchOutput::md;
  bool dry_run = false;
  std::optional<std::string> memory;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("models", self.models,
          Field{.help = "model directories or GGUF files",
                .required = true,
                .positional = true,
                .value_name = "MODEL"});
    field("prompt", self.prompt,
          Field{.help = "tokens of a prompt taken in at once; 0: no such test",
                .min = 0,
                .max = 1 << 20,
                .value_name = "N",
                .short_name = "-p"});
    field("generate", self.generate,
          Field{.help = "tokens generated one after the other; 0: no such test",
                .min = 0,
                .max = 1 << 20,
                .value_name = "N",
                .short_name = "-n"});
    field("depth", self.depth,
          Field{.help = "tokens of context before either test",
                .min = 0,
                .max = 1 << 20,
                .value_name = "N",
                .short_name = "-d"});
    field("batch", self.batch,
          Field{.help = "sequences that go on together",
                .min = 1,
                .max = 4096,
                .value_name = "N",
                .short_name = "-b"});
    field("weights", self.weights,
          Field{.help = "types that weights are computed with", .value_name = "TYPE"});
    field("kv_type", self.kv_type,
          Field{.help = "types that the cache keeps keys and values in", .value_name = "TYPE"});
    field("rounds", self.rounds,
          Field{.help = "measured rounds of every test, behind an unmeasured one",
                .min = 1,
                .max = 10000,
                .value_name = "N",
                .short_name = "-r"});
    field("output", self.output, Field{.help = "form of the table", .short_name = "-o"});
    field(
        "dry_run", self.dry_run,
        Field{.help = "load nothing: tell what memory every test takes and what speed the bandwidth allows"});
    field("memory", self.memory, memory_field);
    field("json", self.common.json, Field{.help = "the same as -o json"});
    field("quiet", self.common.quiet, Field{.help = "no progress and no remarks on stderr"});
    field("threads", self.threads,
          Field{.help = "numbers of threads (default: all cores)",
                .min = 1,
                .max = 1024,
                .value_name = "N",
                .short_name = "-t"});
  }
};

inline const VerbInfo bench_verb = {
    "bench", "measure how fast a model takes prompts in and generates, next to what the machine could do",
    "coppice bench model.gguf -p 512 -n 128 -t 1,2"};

int run_bench(const BenchOptions& options);

}  // namespace coppice
