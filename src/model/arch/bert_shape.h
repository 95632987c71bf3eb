#pragma once
// What the encoders that descend from BERT share: learned positions, a norm behind the embedding and behind
// every sum, biases everywhere, and what may stand on top of the body.

#include "model/arch/config_keys.h"

namespace coppice {

// The parts on top of an encoder's body. config.json hints at them by its `architectures`; which there are,
// the tensors tell (Family::complete).
struct EncoderTop {
  std::string name;  // of the classes: "Bert" in BertModel and BertForMaskedLM
  Activation head_activation = Activation::gelu;
  bool head_dense_bias = true, head_bias = true;
  bool has_pooler = false;  // XModel has one
  // XForSequenceClassification: its head always has a bias.
  struct Classifier {
    Activation activation = Activation::tanh;
    bool dense_bias = true, norm = false;
    HeadPooling pooling = HeadPooling::first;
    bool is_pooler = false;  // its dense layer is the pooler
  } classifier = {};
};
// Sets what stands on top, as the tensors tell: a classifier, a head for masked tokens or none, and a pooler.
void complete_encoder_top(ModelSpec& spec, const EncoderTop& top, const HasTensor& has, const Json& config,
                          const std::string& where);
void read_encoder_top(ModelSpec& spec, const EncoderTop& top, const Json& config, const std::string& where);
// architectures and tie_word_embeddings.
void write_encoder_top(const ModelSpec& spec, const EncoderTop& top, Json& config);
// Why what stands on top cannot be written, if it cannot.
std::optional<std::string> encoder_top_obstacle(const ModelSpec& spec, const EncoderTop& top);

// Keys that all encoders may have and that change nothing.
const std::set<std::string>& encoder_keys();

// Attention and FFN of every block, as many as `layers`.
void set_bert_blocks(ModelSpec& spec, int64_t heads, const DenseFfnSpec& ffn, int64_t layers);
// Why a spec's body is not one of these, if it is not.
std::optional<std::string> bert_body_obstacle(const ModelSpec& spec);

// config.json as BERT and RoBERTa have it. The table of positions has `position_offset` unused rows among
// max_position_embeddings.
ModelSpec read_bert_config(const Json& config, int64_t position_offset, const std::string& where);
Json write_bert_config(const ModelSpec& spec);
// Names of the body's tensors below `prefix`.
std::string bert_file_name(const std::string& name, const std::string& prefix);
// Names that stand for others: gamma and beta of early files, and the biases that a tied head's decoder
// repeats.
std::string bert_usual_name(std::string name);
bool is_bert_buffer(const std::string& name, const ModelSpec& spec);

}  // namespace coppice
