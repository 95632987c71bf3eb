#pragma once

#include "cli/run_options.h"
#include "format/grouped_integers.h"

namespace coppice {

// What `quantize` writes: a GGUF file of llama.cpp's types, or a model directory with FineQuant's groups.
enum class QuantizedType { q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1, q4_0, finequant };

template <>
struct EnumNames<QuantizedType> {
  static constexpr auto values =
      std::to_array<std::pair<QuantizedType, const char*>>({{QuantizedType::q8_0, "q8_0"},
                                                            {QuantizedType::q6_k, "q6_k"},
                                                            {QuantizedType::q5_k, "q5_k"},
                                                            {QuantizedType::q5_1, "q5_1"},
                                                            {QuantizedType::q5_0, "q5_0"},
                                                            {QuantizedType::q4_k, "q4_k"},
                                                            {QuantizedType::q4_1, "q4_1"},
                                                            {QuantizedType::q4_0, "q4_0"},
                                                            {QuantizedType::finequant, "finequant"}});
};

struct QuantizeOptions {
  std::filesystem::path model, out;
  QuantizedType type = QuantizedType::q8_0;
  double alpha = GroupChoice{}.alpha;
  std::optional<std::filesystem::path> text;
  bool overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model, model_argument());
    field("out", self.out,
          Field{.help = "GGUF file to write, or with finequant a directory",
                .required = true,
                .value_name = "OUT",
                .short_name = "-o"});
    field("type", self.type,
          Field{.help = "llama.cpp's mixture of that name (q4_k, q5_k: those called _M), or finequant",
                .value_name = "TYPE"});
    field("alpha", self.alpha,
          Field{.help = "finequant: halve a matrix's groups while that shrinks their ranges below this share",
                .min = 0.5,
                .max = 1});
    field("text", self.text,
          Field{.help = "compare both models' perplexity on this text", .value_name = "FILE"});
    field("overwrite", self.overwrite, Field{.help = "replace OUT if it exists"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo quantize_verb = {
    "quantize", "store a model's weights in fewer bits, and tell what that costs",
    "coppice quantize path/to/model -o model-q4.gguf --type q4_k --text held-out.txt"};

int run_quantize(const QuantizeOptions& options);

}  // namespace coppice
