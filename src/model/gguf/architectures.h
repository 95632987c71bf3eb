#pragma once
// The architectures of GGUF files (`general.architecture`) that Coppice reads and writes: key-values <->
// ModelSpec. An architecture is one entry of the table in architectures.cpp.

#include <optional>
#include <string>

#include "base/registry.h"
#include "format/gguf.h"
#include "model/sentence/sentence_spec.h"
#include "model/spec.h"

namespace coppice {

// What all files of an architecture have in common, so that their keys need not say it; the defaults are
// those of Llama. A new architecture that differs in these points only is a line of the table.
struct GgufArchitecture {
  // Rows of the query and key projections lie in rotary pairs (2i, 2i + 1), where Hugging Face has halves.
  bool interleaved_rope = false;
  bool partial_rope = false;       // rope.dimension_count may be below the width of a head
  bool rope_factors = false;       // rope_freqs.weight is read
  bool learned_positions = false;  // position_embd.weight, and nothing turns
  NormKind norm = NormKind::rms;
  NormPlacement norms = NormPlacement::pre;
  QkNorm qk_norm = QkNorm::none;
  bool head_bias = false;
  bool may_tie = true;        // a file without output.weight has the embedding as its head
  bool free_heads = true;     // heads need not add up to the model's width
  bool grouped_heads = true;  // there may be fewer key than query heads
  bool fused_qkv = false;     // written as attn_qkv; both ways are read
  // Whether there are such biases; nothing: as the tensors in the file say.
  std::optional<bool> qkv_bias, output_bias, ffn_bias;
  bool gated = true;
  Activation activation = Activation::silu;
  bool dense = true;  // FFNs may be dense
  // The router of its mixtures of experts; nothing: its FFNs are dense.
  std::optional<RouterSpec> router;
  bool expert_width_key = false;  // written with expert_feed_forward_length beside feed_forward_length
  bool shared_expert = false;     // every mixture has one, behind a gate
  bool leading_dense = false;     // the first layers are dense; shared experts, without a gate, are counted
  bool free_router = false;       // keys say scores, weights and groups, and a tensor may steer the selection
  bool latent = false;            // multi-head latent attention
  // A text encoder: attention sees both ways, and files hold the body without what stands on top of it.
  bool causal = true;
  bool embedding_norm = false;  // and vectors of a text's number, which may be missing (BERT)
  // T5's attention: scores are not scaled, and biases by distance are the only positions. Its tensors lie in
  // stacks, of an encoder and, in an encoder-decoder, of a decoder.
  bool relative_bias = false;
  bool encoder_decoder = false;
};

// expert_gating_func.
inline constexpr int64_t gguf_softmax = 1, gguf_sigmoid = 2;

// By name. Where several can hold a spec, the first is written.
const Registry<GgufArchitecture>& gguf_architectures();

// The key of the norms' epsilon, below the architecture's name.
const char* norm_epsilon_key(const GgufArchitecture& architecture);

// What of a model files of this architecture hold: of a text encoder its body, without pooler, head and the
// rows of positions that no token has; of others everything.
ModelSpec gguf_part(const ModelSpec& spec, const GgufArchitecture& architecture);

// Distances beyond this one share a bucket, as llama.cpp takes it for granted.
inline constexpr int64_t gguf_max_distance = 128;

// The architecture of a file; an unknown one is an Error that lists those known.
const GgufArchitecture& gguf_architecture(const GgufMetadata& metadata);

// A file's key-values, and the names and shapes of its tensors, as a spec. Keys of the architecture that
// would change the computation and are not understood are Errors.
ModelSpec spec_from_gguf(const GgufContent& content);

// Adds `general.architecture` and the keys of a spec's gguf_part that this architecture can hold.
void add_spec(const ModelSpec& spec, const std::string& architecture, GgufMetadata& metadata);

// How the hidden states of a text become a vector, where the keys say it.
std::optional<Pooling> gguf_pooling(const GgufMetadata& metadata);
// Adds it; one that GGUF has no number for is an Error naming `where`.
void add_pooling(Pooling pooling, const std::string& where, GgufMetadata& metadata);

// The factors by which frequencies are divided (rope_freqs.weight), where keys do not say it; empty
// otherwise.
std::vector<float> rope_factors(const ModelSpec& spec);

// Why this architecture cannot hold the spec, or nothing if it can. What is not proved to come back from the
// key-values is an obstacle.
std::optional<std::string> gguf_obstacle(const ModelSpec& spec, const std::string& architecture);

// The architecture to write a spec as. If none can hold it, an Error says why not the one for models of its
// family, or the nearest.
std::string writable_architecture(const ModelSpec& spec, const std::string& where);

}  // namespace coppice
