#pragma once
// The runtime's forward pass: a ragged batch of sequences, each with its own KV cache, through the blocks of
// a ModelSpec. Results for a token do not depend on the number of threads nor on who shares the batch.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/model_files.h"
#include "model/trace.h"

namespace coppice {

// What every layer keeps of one sequence; grows with it up to the model's context, or only to what windows see.
class KvCache;
struct KvOptions;
class EncodedSource;

// What matrices are multiplied as. Activations meet f32 and f16 as floats; bf16 as bf16 where the processor multiplies
// them (avx512_bf16), else as floats; integers as bytes with a scale for every 32. K types are blocks of 256 columns:
// matrices whose rows are not whole blocks become q8_0 instead.
enum class WeightType { as_stored, f32, bf16, q8_0, q4_0, q6_k, q4_k };

template <>
struct EnumNames<WeightType> {
  static constexpr auto values =
      std::to_array<std::pair<WeightType, const char*>>({{WeightType::as_stored, "as-stored"},
                                                         {WeightType::f32, "f32"},
                                                         {WeightType::bf16, "bf16"},
                                                         {WeightType::q8_0, "q8_0"},
                                                         {WeightType::q4_0, "q4_0"},
                                                         {WeightType::q6_k, "q6_k"},
                                                         {WeightType::q4_k, "q4_k"}});
};

// When weights are packed into the panels that they are multiplied from (model/weights.h).
enum class PackWhen {
  at_load,
  between_passes,  // an eighth before each pass but the first, which so begins at once; the results are the same
};

// Which experts tokens went to; one per MoE layer, those of an encoder first. Through the last layer's go only tokens whose
// logits are asked for.
struct ExpertLoad {
  int64_t layer = 0;
  std::vector<int64_t> tokens;  // per expert
  std::string stack = {};       // "encoder." of an encoder's
};

// Neurons of feed-forwards that may be exactly 0, and how many of them were, and were few enough others left, so that the
// down projection did not read their weights; counted in passes over one token.
struct Silence {
  int64_t neurons = 0, skipped = 0;

  double share() const {
    return neurons > 0 ? static_cast<double>(skipped) / static_cast<double>(neurons) : 0;
  }
};

// What experts of separate storage may take of the memory.
struct ExpertMemory {
  int64_t bytes = 0;  // of their panels; 0: no limit
};

// How often experts were there when passes wanted them: each counts once for a layer of a pass.
struct ExpertTraffic {
  int64_t uses = 0, hits = 0;
  int64_t ahead = 0, ahead_used = 0;  // read ahead, and those of them that were then used
  int64_t evictions = 0;
  int64_t packed_bytes = 0;  // of panels that were made of the file, to stay or not

  double hit_rate() const { return uses > 0 ? static_cast<double>(hits) / static_cast<double>(uses) : 0; }
};

// An Error, naming `where`, unless the model writes text token by token: not so for a text encoder or a bare body.
void require_generator(const ModelSpec& spec, const std::string& where);
// The same, and unless what it writes continues the text that it was given: not so for an encoder-decoder.
void require_next_token_model(const ModelSpec& spec, const std::string& where);

class Decoder {
 public:
  // Maps or converts the weights, but for experts of separate storage, which follow when tokens go to them. What is wrong
  // with their numbers is an Error then. `files` may be closed afterwards.
  explicit Decoder(std::shared_ptr<const ModelFiles> files, WeightType type = WeightType::as_stored,
                   PackWhen when = PackWhen::at_load, const ExpertMemory& experts = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;

  const ModelSpec& spec() const;

  // A cache for one new sequence, as the options say (model/kv_cache.h) or as `set_kv_options` said.
  std::unique_ptr<KvCache> new_cache(const KvOptions& options) const;
  std::unique_ptr<KvCache> new_cache() const;
  // What caches are made like unless one is asked for otherwise, and those of inputs without any. A type that the
  // model does not keep is an Error.
  void set_kv_options(const KvOptions& options);
  const KvOptions& kv_options() const;

  // New tokens of one sequence, which continue what its cache holds.
  struct Input {
    std::span<const int32_t> tokens;
    KvCache* cache = nullptr;               // nullptr: a whole sequence that nothing will continue
    bool all_logits = false;                // logits for every new token, else for the last only
    bool no_logits = false;                 // none: more of the sequence is to come before they are wanted
    const EncodedSource* source = nullptr;  // what an encoder-decoder made of its source, and only one
    std::span<const int32_t> texts = {};    // which text of a pair each token is of; empty: the first
  };

  // What the encoder of an encoder-decoder makes of whole sequences, none of them empty, for Input::source: computed
  // once, with the keys and values that every block's cross-attention reads of it. A model without an encoder is an
  // Error.
  std::vector<std::shared_ptr<const EncodedSource>> encode(std::span<const std::span<const int32_t>> sources,
                                                           const TraceSink& trace = {});

  // Logits, row after row: for each input in order, its requested rows of `vocabulary` floats, or of a classifier one
  // row of `labels` floats. An Input that would exceed the context, a token id outside the vocabulary, or a cache for a model that sees both ways
  // (is_causal), is an Error before any work. A model without an output head is one too.
  std::vector<float> forward(std::span<const Input> inputs, const TraceSink& trace = {});

  // The last hidden states of every new token, behind the final norm if there is one: `width` floats each,
  // input after input. `all_logits` does not matter.
  std::vector<float> hidden_states(std::span<const Input> inputs, const TraceSink& trace = {});

  // tanh(W x + b) for `count` hidden states x: what a model with a pooler makes of a text's first token.
  std::vector<float> pool(std::span<const float> hidden_states) const;

  // Expert choices since the start or the last reset.
  const std::vector<ExpertLoad>& expert_load() const;
  void reset_expert_load();
  // Experts wanted and found since the start or the last reset.
  ExpertTraffic expert_traffic() const;
  void reset_expert_traffic();

  // Since the start.
  const Silence& silence() const;

  // Uses the best `top_k` experts of every mixture instead of the model's own number. More than there are, or
  // a model without mixtures, is an Error.
  void set_top_k(int64_t top_k);

  // Bytes of weights that decoding one token reads (averaged over tokens seen so far for experts of unequal
  // width and for neurons that are 0).
  int64_t bytes_per_token() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coppice
