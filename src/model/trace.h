#pragma once
// Activations by stable dotted name, so that a divergence between the two halves is located, not guessed at.
//
//   embedding                      what enters the first block: learned positions added, normed if the model does so
//   layers.N.mixer_norm            after the norm before (or, norms placed after, behind) the mixer of block N, if any
//   layers.N.mixer                 output of the sequence mixer, before the residual
//   layers.N.mixer_output_norm     after the norm behind the mixer, in blocks that have norms before it too
//   layers.N.cross_norm, layers.N.cross   before and behind cross-attention, where there is one
//   layers.N.ffn_norm              after the norm before (behind) the feed-forward; parallel blocks have none
//   layers.N.router.logits         [rows, experts], mixture-of-experts blocks only
//   layers.N.ffn                   output of the feed-forward, before the residual
//   layers.N.ffn_output_norm       after the norm behind the feed-forward, as for the mixer
//   layers.N.output                residual stream after block N
//   norm                           after the final norm, if any
//   head                           a masked head's input to its last product
//   logits
//   encoder.embedding, encoder.layers.N.…, encoder.norm   an encoder-decoder's encoder

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace coppice {

struct Activation32 {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// Called for each named activation of one forward pass; `rows` tokens by `width`.
using TraceSink =
    std::function<void(const std::string& name, int64_t rows, int64_t width, const float* values)>;

using Trace = std::map<std::string, Activation32>;

// A sink that appends rows into `trace`: passes over consecutive pieces of a sequence add up to the whole.
TraceSink collect_into(Trace& trace);

// As a safetensors file.
void write_trace(const std::filesystem::path& path, const Trace& trace);

}  // namespace coppice
