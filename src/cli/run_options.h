#pragma once

#include "cli/verb.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/sampler.h"

namespace coppice {

inline const Field memory_field = {
    .help =
        "memory that the process may take, with its unit, as in 4GiB or 500MB: experts that have no room "
        "stay in the file until a token goes to them",
    .value_name = "SIZE"};

// Options of verbs that load a model into the runtime.
struct RuntimeOptions {
  WeightType weights = WeightType::as_stored;
  std::optional<int64_t> experts;
  KvType kv_type = KvType::f32;
  std::optional<std::string> memory;

  static void fields(auto& self, auto&& field) {
    field("weights", self.weights, Field{.help = "type that weights are computed with"});
    field("experts", self.experts,
          Field{.help = "experts active for a token, in every mixture (default: the model's own)",
                .min = 1,
                .value_name = "K"});
    field("kv_type", self.kv_type, Field{.help = "type that the cache keeps keys and values in"});
    field("memory", self.memory, memory_field);
  }
};

struct RunOptions {
  std::filesystem::path model;
  std::string prompt;
  bool chat = false;
  std::optional<std::string> system;
  int64_t tokens = 64;
  SamplerOptions sampler;
  RuntimeOptions runtime;
  std::optional<std::string> draft;
  int64_t draft_tokens = 4;
  std::optional<std::filesystem::path> trace;
  bool ignore_eos = false, dry_run = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model, model_argument());
    field("prompt", self.prompt,
          Field{.help = "text to continue", .positional = true, .value_name = "PROMPT"});
    field("chat", self.chat,
          Field{.help =
                    "answer the prompt as a user's message, by the model's chat template; without a prompt, "
                    "converse at the terminal"});
    field("system", self.system,
          Field{.help = "the system message before the conversation", .value_name = "TEXT"});
    field("tokens", self.tokens,
          Field{.help = "at most so many new tokens", .min = 0, .value_name = "N", .short_name = "-n"});
    SamplerOptions::fields(self.sampler, field);
    RuntimeOptions::fields(self.runtime, field);
    field(
        "draft", self.draft,
        Field{
            .help =
                "guess tokens that the model then checks: ngram, from what stands in the text already, or a "
                "smaller model of the same tokenizer; the text keeps the model's own distribution",
            .value_name = "ngram|MODEL"});
    field("draft_tokens", self.draft_tokens,
          Field{.help = "at most so many guesses at once", .min = 1, .max = 64, .value_name = "N"});
    field("trace", self.trace,
          Field{.help = "write every named activation to this safetensors file", .value_name = "FILE"});
    field("ignore_eos", self.ignore_eos, Field{.help = "go on after an end-of-sequence token"});
    field("dry_run", self.dry_run,
          Field{.help = "load nothing: tell what memory it would take and what speed to expect"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo run_verb = {"run", "continue a prompt, printing the text as it comes",
                                  "coppice run path/to/model \"Once upon a time\" -n 64 --temp 0"};

int run_run(const RunOptions& options);

}  // namespace coppice
