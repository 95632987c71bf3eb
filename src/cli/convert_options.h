#pragma once

#include "cli/verb.h"
#include "format/safetensors.h"
#include "model/arch/families.h"

namespace coppice {

enum class StoredType { as_dense, f32, bf16, f16 };

template <>
struct EnumNames<StoredType> {
  static constexpr auto values =
      std::to_array<std::pair<StoredType, const char*>>({{StoredType::as_dense, "as-dense"},
                                                         {StoredType::f32, "f32"},
                                                         {StoredType::bf16, "bf16"},
                                                         {StoredType::f16, "f16"}});
};

struct ConvertOptions {
  std::filesystem::path model, calib, output;
  std::string method;
  double active = 0.5;
  int64_t experts = 8;
  uint64_t seed = 0;
  int64_t ctx = 0;
  std::vector<std::string> set;
  StoredType dtype = StoredType::as_dense;
  ExpertTensors expert_tensors = ExpertTensors::separate;
  std::string max_shard_size = "5GB";
  bool overwrite = false, list = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model,
          Field{.help = "dense model directory", .positional = true, .value_name = "DENSE"});
    field("method", self.method,
          Field{.help = "how to convert; --list tells the methods and their options", .value_name = "NAME"});
    field("calib", self.calib,
          Field{.help = "text that the method calibrates or trains on", .value_name = "FILE"});
    field("active", self.active,
          Field{.help = "share of the feed-forward parameters that one token uses",
                .min = 0,
                .max = 1,
                .above_min = true});
    field("experts", self.experts,
          Field{.help = "experts in each feed-forward", .min = 1, .max = 65536, .value_name = "N"});
    field("seed", self.seed, Field{.help = "of every random choice", .min = 0, .value_name = "N"});
    field("output", self.output,
          Field{.help = "directory to write", .value_name = "OUT", .short_name = "-o"});
    field("ctx", self.ctx,
          Field{.help = "tokens of a calibration window; 0 = the model's context, at most 2048",
                .min = 0,
                .value_name = "N"});
    field("set", self.set, Field{.help = "an option of the method", .value_name = "KEY=VALUE"});
    field("dtype", self.dtype, Field{.help = "type of the written tensors"});
    field(
        "expert_tensors", self.expert_tensors,
        Field{
            .help =
                "how experts are stored: a tensor for each matrix, or packed by layer as in Transformers 5"});
    field("max_shard_size", self.max_shard_size,
          Field{.help = "largest file of weights before they are split: 5GB, 500MB, 2GiB …",
                .value_name = "SIZE"});
    field("overwrite", self.overwrite, Field{.help = "replace an existing output directory"});
    field("list", self.list, Field{.help = "tell all methods and their options"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo convert_verb = {
    "convert", "make a mixture of experts, or a pruned model, of a dense one",
    "coppice convert DENSE --method tomoe --calib calib.txt --active 0.5 --experts 8 -o OUT"};

int run_convert(const ConvertOptions& options);

}  // namespace coppice
