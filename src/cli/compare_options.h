#pragma once

#include "cli/verb.h"

namespace coppice {

struct CompareOptions {
  std::filesystem::path model;
  std::vector<std::string> methods = {"all"};
  std::filesystem::path calib, text, output;
  double active = 0.5;
  int64_t experts = 8;
  std::vector<int64_t> seeds = {0};
  int64_t ctx = 0, stride = 0;
  std::vector<std::string> set;
  bool overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model,
          Field{.help = "dense model directory", .required = true, .positional = true, .value_name = "DIR"});
    field("methods", self.methods,
          Field{.help = "a conversion method; repeat for several, or all (coppice convert --list tells them)",
                .value_name = "METHOD"});
    field("calib", self.calib,
          Field{.help = "text that every method calibrates or learns on",
                .required = true,
                .value_name = "FILE"});
    field(
        "text", self.text,
        Field{
            .help = "held-out text that perplexity is measured on", .required = true, .value_name = "FILE"});
    field("output", self.output,
          Field{.help = "keep the converted models and the report here",
                .value_name = "DIR",
                .short_name = "-o"});
    field("active", self.active,
          Field{.help = "share of the feed-forward parameters that one token uses",
                .min = 0,
                .max = 1,
                .above_min = true});
    field("experts", self.experts,
          Field{.help = "experts in each feed-forward", .min = 1, .max = 65536, .value_name = "N"});
    field("seeds", self.seeds,
          Field{.help = "a seed to convert with; repeat for several", .min = 0, .value_name = "N"});
    field("ctx", self.ctx,
          Field{.help = "window of the perplexity, in tokens; 0 = the model's context",
                .min = 0,
                .value_name = "N"});
    field("stride", self.stride,
          Field{.help = "tokens between the starts of windows; 0 = no overlap", .min = 0, .value_name = "N"});
    field("set", self.set, Field{.help = "METHOD.KEY=VALUE: an option of one method", .value_name = "M.K=V"});
    field("overwrite", self.overwrite, Field{.help = "replace an existing output directory"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo compare_verb = {
    "compare", "convert one model by several methods at one budget and judge them on held-out text",
    "coppice compare DENSE --methods all --active 0.5 --experts 8 --calib calib.txt --text test.txt -o out"};

int run_compare(const CompareOptions& options);  // cli/lab/compare.cpp

}  // namespace coppice
