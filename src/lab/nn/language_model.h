#pragma once
// The lab's network: the same ModelSpec as the runtime's, as libtorch modules. Parameters are registered
// under the names of tensor_table(spec), so `named_parameters()` and a model directory speak of the same
// things.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "lab/route/routing.h"
#include "model/model_directory.h"
#include "model/spec.h"
#include "model/trace.h"
#include "text/routing_vocabulary.h"

namespace coppice::lab {

class Attention;
class Norm;
class Linear;

// What cross-attention reads: the encoder's output [batch, length, width], and the sequences' lengths, int64 [batch], or
// nothing where all are of that length.
struct Source {
  torch::Tensor states = {}, lengths = {};
};

// A feed-forward of any kind: [..., width] -> [..., width].
class FeedForward : public torch::nn::Module {
 public:
  // `words`: the routing ids of the tokens, [...] int64, which a mixture routed by words needs.
  virtual torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& words = {}) = 0;
  // The routing of the last forward, for auxiliary losses and ledgers; nullptr for a dense one.
  virtual const Routing* routing() const { return nullptr; }
};

// The FFN of a spec with freshly initialised parameters.
std::shared_ptr<FeedForward> make_ffn(const FfnSpec& spec, int64_t width);

// What a block may need to know of its tokens, beside their vectors.
struct BlockContext {
  torch::Tensor lengths = {};  // as in Sight
  Source source = {};
  torch::Tensor words = {};  // routing ids, int64 [batch, length]
};

class Block : public torch::nn::Module {
 public:
  Block(const BlockSpec& spec, const ModelSpec& model);
  torch::Tensor forward(torch::Tensor x, int64_t layer, const TraceSink& trace,
                        const BlockContext& context = {});

  // Block `index` of a stack, whose first block and name in traces these are.
  void join(const Block& first, size_t index, const std::string& stack);

  std::shared_ptr<FeedForward> ffn;  // registered as "mlp"; `set_ffn` replaces it
  void set_ffn(std::shared_ptr<FeedForward> replacement);
  // If set, sees the input of the FFN (after its norm), [batch, length, width], at every forward.
  std::function<void(const torch::Tensor&)> on_ffn_input;

 private:
  struct Parts;
  BlockSpec spec_;
  double residual_scale_;  // multiplies what is added to the residual stream
  std::string stack_;
  std::shared_ptr<Parts> parts_;
};

class LanguageModel : public torch::nn::Module {
 public:
  // Parameters initialised as usual for training: normal(0, 0.02), output projections of the residual
  // branches scaled down by sqrt(2 * layers), norms 1, biases 0; deterministic in torch's seed. Where all
  // blocks have sandwich norms, depth_scaled_start with its defaults instead.
  explicit LanguageModel(const ModelSpec& spec);

  // ids [batch, length] int64 -> logits [batch, length, vocabulary], of a classifier [batch, labels], or without an
  // output head the hidden states. Position 0 is the first column. Rows of unequal length are padded at the end. Causality keeps
  // padding from mattering; a model that sees both ways needs the `lengths`, int64 [batch], for that. An
  // encoder-decoder needs a source, what encode made of the texts that it answers. `texts`, int64 [batch, length], says
  // which text of a pair each token is of; nothing: the first.
  torch::Tensor forward(const torch::Tensor& ids, const TraceSink& trace = {},
                        const torch::Tensor& lengths = {}, const Source& source = {},
                        const torch::Tensor& texts = {});

  // An encoder-decoder's encoder: ids [batch, length], of sequences of these lengths if they differ.
  Source encode(const torch::Tensor& ids, const torch::Tensor& lengths = {}, const TraceSink& trace = {});

  // What enters the first block: ids [batch, length] -> [batch, length, width], learned positions added,
  // normed if the model does so.
  torch::Tensor embed(const torch::Tensor& ids, const torch::Tensor& texts = {}) const;

  // The words by which experts are chosen; fresh models know none. A table as RoutingVocabulary describes it, of the
  // spec's size.
  void set_routing_vocabulary(std::span<const TokenId> table);

  const ModelSpec& spec() const { return spec_; }
  int64_t layers() const { return static_cast<int64_t>(blocks_.size()); }
  Block& block(int64_t layer) { return *blocks_.at(static_cast<size_t>(layer)); }

 private:
  void register_head(const ModelSpec& spec);
  torch::Tensor text_vectors(const torch::Tensor& states, const torch::Tensor& lengths) const;
  torch::Tensor routing_ids(const torch::Tensor& ids, const torch::Tensor& lengths, bool causal);

  ModelSpec spec_;
  std::vector<std::shared_ptr<Block>> encoder_, blocks_;
  std::shared_ptr<Norm> embedding_norm_, encoder_norm_, norm_, head_norm_;
  std::shared_ptr<Linear> pooler_, head_dense_;
  torch::Tensor embedding_, positions_, token_types_, head_, head_bias_;
  torch::Tensor word_table_;  // int32 [entries, longest], registered as "routing_vocabulary"
  RoutingVocabulary words_;   // made of the table as it was at version `words_version_`
  std::optional<int64_t> words_version_;
};

// How Pangu Ultra (Yin et al. 2025) starts: matrices of the blocks normal(0, 1 / sqrt(2 * width * layers)),
// and the weights of the norms behind mixers and feed-forwards gain / sqrt(layers), so that what all blocks
// add to the residual stream is of one size at any depth. The gains are the wanted sizes of that sum of
// mixers and of feed-forwards.
struct DepthScaledStart {
  double mixer_gain = 1, ffn_gain = 1;
};
// Throws an Error unless all blocks of the model have sandwich norms and the gains are not negative.
// Embeddings and the head stay as they are.
void depth_scaled_start(LanguageModel& model, const DepthScaledStart& start = {});

// Tensors by canonical name (tensor_table): float32, neuron lists int32.
using StateDict = std::map<std::string, torch::Tensor>;

StateDict read_state(const ModelDirectory& directory);
StateDict state_of(const LanguageModel& model);

// A model with these weights; every tensor of the table must be there, none else.
std::shared_ptr<LanguageModel> make_model(const ModelSpec& spec, const StateDict& state);
std::shared_ptr<LanguageModel> load_model(const ModelDirectory& directory);

// Writes config.json and tensors in `dtype` (F32, BF16 …) into an existing directory.
void save_model(const std::filesystem::path& directory, const ModelSpec& spec, const StateDict& state,
                DType dtype, const WriteOptions& options = {});

}  // namespace coppice::lab
