#pragma once

#include "cli/verb.h"
#include "model/decoder.h"
#include "model/sentence/sentence_spec.h"

namespace coppice {

struct EmbedOptions {
  std::filesystem::path model;
  std::string input = "-";
  bool lines = false;
  std::filesystem::path output;
  std::optional<std::string> prompt, prompt_name;
  std::vector<Pooling> pooling;
  bool normalize = false;
  std::optional<int64_t> max_tokens;
  int64_t batch = 64;
  WeightType weights = WeightType::as_stored;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model,
          Field{.help = "sentence-transformers directory, model directory or GGUF file",
                .required = true,
                .positional = true,
                .value_name = "MODEL"});
    field(
        "input", self.input,
        Field{.help = "file with a text; - is the standard input", .positional = true, .value_name = "FILE"});
    field("lines", self.lines, Field{.help = "every line is a text of its own"});
    field(
        "output", self.output,
        Field{.help =
                  "write the vectors to this file, .npy (float32) or .jsonl; else they are printed, one JSON "
                  "object a line",
              .value_name = "FILE",
              .short_name = "-o"});
    field(
        "prompt_name", self.prompt_name,
        Field{.help =
                  "put this prompt of config_sentence_transformers.json before every text (default: the one "
                  "that the file calls so)",
              .value_name = "NAME"});
    field("prompt", self.prompt, Field{.help = "put this before every text", .value_name = "TEXT"});
    field(
        "pooling", self.pooling,
        Field{
            .help =
                "how tokens become one vector, several side by side (default: as modules.json says; the mean "
                "for an encoder without it)"});
    field("normalize", self.normalize,
          Field{.help = "make vectors of length 1, also where modules.json does not"});
    field("max_tokens", self.max_tokens,
          Field{.help = "cut texts to so many tokens (default: as the directory says)",
                .min = 1,
                .value_name = "N"});
    field("batch", self.batch,
          Field{.help = "texts of one pass at most; changes no result",
                .min = 1,
                .max = 65536,
                .value_name = "N"});
    field("weights", self.weights, Field{.help = "type that weights are computed with"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo embed_verb = {
    "embed", "turn texts into vectors",
    "coppice embed path/to/all-MiniLM-L6-v2 texts.txt --lines -o vectors.npy"};

int run_embed(const EmbedOptions& options);

}  // namespace coppice
