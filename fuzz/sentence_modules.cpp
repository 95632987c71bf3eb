// The files of a sentence-transformers directory, of any bytes: refused with an Error, or folders that stay
// inside, at least one kind of pooling, and sizes within bounds.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "model/sentence/sentence_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  Json json;
  try {
    json = parse_json({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const Error&) {
    return 0;
  }
  SentenceSpec spec;
  try {
    const auto modules = parse_sentence_modules(json, "input");
    COPPICE_CHECK(modules.size() >= 2 && modules[0].kind == "Transformer" && modules[1].kind == "Pooling");
    for (const auto& module : modules) {
      const std::filesystem::path folder(module.folder);
      COPPICE_CHECK(folder.is_relative() && std::ranges::find(folder, "..") == folder.end());
    }
  } catch (const Error&) {
  }
  try {
    parse_transformer_settings(json, spec, "input");
    COPPICE_CHECK(!spec.max_tokens || *spec.max_tokens >= 1);
  } catch (const Error&) {
  }
  try {
    parse_pooling(json, spec, "input");
    COPPICE_CHECK(!spec.pooling.empty() && spec.pooling.size() <= 6);
  } catch (const Error&) {
  }
  try {
    const DenseStage dense = parse_dense(json, "input");
    COPPICE_CHECK(dense.in >= 1 && dense.out >= 1 && dense.in <= 1 << 24 && dense.out <= 1 << 24);
  } catch (const Error&) {
  }
  try {
    parse_prompts(json, spec, "input");
    COPPICE_CHECK(!spec.default_prompt || spec.prompts.contains(*spec.default_prompt));
  } catch (const Error&) {
  }
  return 0;
}
