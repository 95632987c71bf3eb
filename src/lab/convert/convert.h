#pragma once
// The conversion of a model directory: opens the dense model, cuts calibration windows, runs one method, proves what
// the method promises to be exact, and writes the result. What the verbs `convert` and `compare` call.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "format/safetensors.h"
#include "model/model_directory.h"
#include "model/spec.h"

namespace coppice::lab {

struct ConvertRequest {
  std::string method;                 // a name of converters()
  std::filesystem::path calibration;  // plain text
  double active = 0.5;                // share of the dense FFN's parameters that one token may use, in (0, 1]
  int64_t experts = 8;
  uint64_t seed = 0;
  std::vector<std::string> settings;  // "key=value" options of the method
  int64_t context = 0;                // tokens of a calibration window; 0 = the model's context, at most 2048
  std::optional<DType> dtype;         // of the written tensors; default: as the dense model's
  WriteOptions files;                 // how tensors are cut into files and experts stored
  bool overwrite = false;
};

// One thing that holds by construction, measured.
struct ParityClaim {
  std::string what;
  double difference = 0;  // largest absolute difference; bytes or neurons that differ where `what` says so
  double tolerance = 0;
  bool held() const { return difference <= tolerance; }  // false for NaN
};

struct ConversionResult {
  ModelSpec spec;
  std::string family;               // config.json's model_type of the result
  ParameterCount dense, converted;  // of the whole model
  double active = 0;                // FFN parameters that a token uses, as a share of the dense FFN's
  double seconds = 0;               // conversion alone, without proofs and writing
  std::vector<ParityClaim> parity;
  std::vector<std::string>
      remarks;   // what the user should know: a budget not met exactly, experts never used …
  Json options;  // the method's options as used
  Json report;   // of the method; "tokens_per_expert": one list per layer, for mixtures of experts

  // What `coppice convert --json` prints.
  Json to_json(const ConvertRequest& request) const;
};

// Converts `dense` into the new directory `out`: config.json, tensors, tokenizer files, coppice.yaml and parity.json,
// all at once or nothing. Errors: an unknown method or option, a model that the method cannot convert, text without
// tokens, an existing `out` without overwrite, a promise that did not hold.
ConversionResult convert_model(const std::filesystem::path& dense, const ConvertRequest& request,
                               const std::filesystem::path& out);

// The methods that `--methods all` means, in the order in which a table shows them.
std::vector<std::string> all_methods();

// What `coppice convert --list` prints: every method with its summary, paper and options.
Json list_methods();

}  // namespace coppice::lab
