#pragma once
// What a conversion method is: a dense model, calibration text, a budget and options in; a spec, tensors, a report and
// proofs out. One file per method, one line per method in converters.cpp.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lab/convert/calibration.h"
#include "lab/convert/convert.h"
#include "lab/convert/settings.h"
#include "lab/nn/language_model.h"
#include "text/train_routing_vocabulary.h"

namespace coppice::lab {

struct ConversionInput {
  const ModelSpec& spec;   // dense, every block gated or not, checked by require_dense
  const StateDict& state;  // its tensors; converters never write into them
  const Calibration& text;
  std::function<std::vector<WordsOfText>()> words = {};  // the same text, for methods that look at its words
  double active = 0.5;
  int64_t experts = 8;
  uint64_t seed = 0;
};

struct Conversion {
  ModelSpec spec;
  StateDict state;  // tensors may share memory with the dense ones
  std::vector<ParityClaim> parity;
  std::vector<std::string> remarks;
  Json report = Json::object();
};

struct Converter {
  std::string summary, paper;
  std::vector<FieldDoc> options;
  // Checks `settings` ("key=value") and returns the options with their defaults.
  std::function<Json(const std::vector<std::string>& settings)> read_settings;
  std::function<Conversion(const ConversionInput& input, const std::vector<std::string>& settings)> convert;
};

// A converter whose options are the visitable struct Options.
template <Visitable Options>
Converter make_converter(const std::string& name, std::string summary, std::string paper,
                         std::function<Conversion(const ConversionInput&, const Options&)> convert) {
  return {.summary = std::move(summary),
          .paper = std::move(paper),
          .options = describe<Options>(),
          .read_settings =
              [name](const auto& settings) { return to_json(parse_settings<Options>(settings, name)); },
          .convert =
              [name, convert](const ConversionInput& input, const auto& settings) {
                return convert(input, parse_settings<Options>(settings, name));
              }};
}

}  // namespace coppice::lab
