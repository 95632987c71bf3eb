#pragma once
// The architectures of GGUF files (`general.architecture`) that Coppice reads and writes: key-values <->
// ModelSpec. An architecture is one entry of the table in architectures.cpp.

#include <optional>
#include <string>

#include "base/registry.h"
#include "format/gguf.h"
#include "model/spec.h"

namespace coppice {

struct GgufArchitecture {
  // Rows of the query and key projections lie in rotary pairs (2i, 2i + 1), where Hugging Face has halves.
  bool interleaved_rope = false;
  // Whether there are such biases; nothing: as the tensors in the file say.
  std::optional<bool> qkv_bias, output_bias, ffn_bias;
  // The router of its mixtures of experts; nothing: its FFNs are dense.
  std::optional<RouterSpec> router;
};

// By name. Where several can hold a spec, the first is written.
const Registry<GgufArchitecture>& gguf_architectures();

// The architecture of a file; an unknown one is an Error that lists those known.
const GgufArchitecture& gguf_architecture(const GgufMetadata& metadata);

// A file's key-values, and the names and shapes of its tensors, as a spec. Keys of the architecture that
// would change the computation and are not understood are Errors.
ModelSpec spec_from_gguf(const GgufContent& content);

// Adds `general.architecture` and the keys of a spec that this architecture can hold.
void add_spec(const ModelSpec& spec, const std::string& architecture, GgufMetadata& metadata);

// The factors by which frequencies are divided (rope_freqs.weight), where keys do not say it; empty
// otherwise.
std::vector<float> rope_factors(const ModelSpec& spec);

// Why this architecture cannot hold the spec, or nothing if it can. What is not proved to come back from the
// key-values is an obstacle.
std::optional<std::string> gguf_obstacle(const ModelSpec& spec, const std::string& architecture);

// The architecture to write a spec as. If none can hold it, an Error says why for each.
std::string writable_architecture(const ModelSpec& spec, const std::string& where);

}  // namespace coppice
