#pragma once

#include "cli/verb.h"
#include "lab/data/document_break.h"
#include "lab/train/training_options.h"

namespace coppice {

enum class TrainDtype { f32, bf16, f16 };
template <>
struct EnumNames<TrainDtype> {
  static constexpr auto values = std::to_array<std::pair<TrainDtype, const char*>>(
      {{TrainDtype::f32, "f32"}, {TrainDtype::bf16, "bf16"}, {TrainDtype::f16, "f16"}});
};

// The Llama architecture of a new model, or any other from a file.
struct ArchOptions {
  int64_t width = 256, layers = 6, heads = 8, kv_heads = 0, ffn = 0, context = 256;
  bool tied = false;
  std::filesystem::path file;

  static void fields(auto& self, auto&& field) {
    field(
        "arch_width", self.width,
        Field{
            .help = "new model: width of the residual stream", .min = 1, .max = 1 << 16, .value_name = "N"});
    field("arch_layers", self.layers,
          Field{.help = "new model: blocks", .min = 1, .max = 4096, .value_name = "N"});
    field(
        "arch_heads", self.heads,
        Field{.help = "new model: query heads; divides the width", .min = 1, .max = 4096, .value_name = "N"});
    field("arch_kv_heads", self.kv_heads,
          Field{.help = "new model: key-value heads; 0 = as many as query heads",
                .min = 0,
                .max = 4096,
                .value_name = "N"});
    field("arch_ffn", self.ffn,
          Field{.help = "new model: hidden neurons of a feed-forward; 0 = 8/3 of the width, rounded up to 32",
                .min = 0,
                .max = 1 << 20,
                .value_name = "N"});
    field("arch_context", self.context,
          Field{.help = "new model: longest sequence", .min = 2, .max = 1 << 20, .value_name = "N"});
    field("arch_tied", self.tied, Field{.help = "new model: the output head is the embedding matrix"});
    field(
        "arch_file", self.file,
        Field{
            .help =
                "new model: config.json of any family, in place of the other --arch options; vocabulary and "
                "special tokens are the tokenizer's",
            .value_name = "FILE"});
  }
};

struct TrainOptions {
  std::vector<std::filesystem::path> text;
  std::filesystem::path tokenizer, model, output, eval;
  DocumentBreak documents = DocumentBreak::marker;
  ArchOptions arch;
  lab::TrainingOptions training;
  TrainDtype dtype = TrainDtype::f32;
  bool resume = false, overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field(
        "text", self.text,
        Field{
            .help = "text to train on; may be given several times", .required = true, .value_name = "FILE"});
    field("tokenizer", self.tokenizer,
          Field{.help = "directory with the tokenizer; default: that of --model", .value_name = "DIR"});
    field("model", self.model,
          Field{.help = "model to continue from; without it a new one is made as --arch-… say",
                .value_name = "DIR"});
    field("output", self.output,
          Field{.help = "directory to write the trained model to",
                .required = true,
                .value_name = "DIR",
                .short_name = "-o"});
    field("eval", self.eval, Field{.help = "held-out text to measure perplexity on", .value_name = "FILE"});
    field("documents", self.documents,
          Field{.help = "what ends a document: a line <|endoftext|>, an empty line, or the end of the file"});
    ArchOptions::fields(self.arch, field);
    lab::TrainingOptions::fields(self.training, field);
    field("dtype", self.dtype, Field{.help = "type of the stored weights"});
    field("resume", self.resume, Field{.help = "go on from the checkpoint of an interrupted run"});
    field("overwrite", self.overwrite, Field{.help = "replace an existing output"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo train_verb = {
    "train", "train a language model on text, from scratch or on from a model",
    "coppice train --text stories.txt --tokenizer path/to/tokenizer --steps 2000 -o trained"};

int run_train(const TrainOptions& options);

}  // namespace coppice
