#include "lab/nn/language_model.h"

#include <algorithm>
#include <cmath>

#include "lab/nn/activation.h"
#include "lab/nn/linear.h"
#include "lab/nn/norm.h"
#include "lab/nn/tracing.h"

namespace coppice::lab {
namespace {

bool ends_a_residual_branch(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("out_proj.weight") ||
         name.ends_with("down_proj.weight");
}

bool has_sandwich_norms(const ModelSpec& spec) {
  return std::ranges::all_of(spec.blocks,
                             [](const BlockSpec& block) { return block.norms == NormPlacement::sandwich; });
}

}  // namespace

void report(const TraceSink& trace, const std::string& name, const torch::Tensor& value) {
  const torch::Tensor plain = value.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const int64_t width = plain.size(-1);
  trace(name, plain.numel() / width, width, plain.data_ptr<float>());
}

LanguageModel::LanguageModel(const ModelSpec& spec) : spec_(spec) {
  validate(spec, "model");
  const auto matrix = [](torch::nn::Module& owner, const char* name, int64_t rows, int64_t columns) {
    return owner.register_module(name, std::make_shared<Group>())
        ->register_parameter("weight", new_weight(rows, columns));
  };
  const auto new_norm = [&spec] {
    return std::make_shared<Norm>(spec.norm, spec.width, spec.norm_epsilon, spec.norm_bias);
  };
  const auto body = register_module("model", std::make_shared<Group>());
  embedding_ = matrix(*body, "embed_tokens", spec.vocabulary, spec.width);
  if (spec.learned_positions)
    positions_ = matrix(*body, "embed_positions", spec.context + spec.position_offset, spec.width);
  if (spec.token_types > 0) token_types_ = matrix(*body, "embed_token_types", spec.token_types, spec.width);
  if (spec.embedding_norm) embedding_norm_ = body->register_module("embed_norm", new_norm());
  if (const auto& words = spec.routing_vocabulary)
    word_table_ = body->register_buffer(
        "routing_vocabulary",
        torch::full({words->entries, words->longest}, RoutingVocabulary::no_token, torch::kInt32));
  const auto stack = [&spec](torch::nn::Module& owner, const std::vector<BlockSpec>& specs,
                             const std::string& name) {
    const auto layers = owner.register_module("layers", std::make_shared<Group>());
    std::vector<std::shared_ptr<Block>> blocks;
    for (size_t i = 0; i < specs.size(); ++i) {
      blocks.push_back(layers->register_module(std::to_string(i), std::make_shared<Block>(specs[i], spec)));
      blocks.back()->join(*blocks.front(), i, name);
    }
    return blocks;
  };
  if (spec.encoder) {
    const auto encoder = body->register_module("encoder", std::make_shared<Group>());
    encoder_ = stack(*encoder, spec.encoder->blocks, "encoder.");
    if (spec.final_norm) encoder_norm_ = encoder->register_module("norm", new_norm());
  }
  blocks_ = stack(*body, spec.blocks, "");
  if (spec.final_norm) norm_ = body->register_module("norm", new_norm());
  if (spec.pooler)
    pooler_ = body->register_module("pooler", std::make_shared<Linear>(spec.width, spec.width, true));
  register_head(spec);

  if (has_sandwich_norms(spec)) {
    depth_scaled_start(*this);
    return;
  }
  const torch::NoGradGuard no_gradient;
  for (auto& entry : named_parameters())
    if (ends_a_residual_branch(entry.key()))
      entry.value().div_(std::sqrt(2.0 * static_cast<double>(spec.blocks.size())));
}

void LanguageModel::register_head(const ModelSpec& spec) {
  if (spec.head == HeadKind::none) return;
  head_ = embedding_;
  const bool masked = spec.head == HeadKind::masked, classifies = spec.head == HeadKind::classifier;
  if (!masked && spec.tied_embeddings && !spec.head_bias) return;
  const auto owner = register_module(classifies ? "classifier" : "lm_head", std::make_shared<Group>());
  if (masked || classifies)
    head_dense_ = owner->register_module(
        "dense", std::make_shared<Linear>(spec.width, spec.width, spec.head_dense_bias));
  if (masked || spec.head_norm)
    head_norm_ = owner->register_module(
        "norm", std::make_shared<Norm>(spec.norm, spec.width, spec.norm_epsilon, spec.norm_bias));
  const int64_t rows = logit_count(spec);
  if (!spec.tied_embeddings) head_ = owner->register_parameter("weight", new_weight(rows, spec.width));
  if (spec.head_bias) head_bias_ = owner->register_parameter("bias", torch::zeros({rows}));
}

void depth_scaled_start(LanguageModel& model, const DepthScaledStart& start) {
  if (!has_sandwich_norms(model.spec()))
    throw Error({.where = "depth-scaled start",
                 .found = "blocks without norms behind mixers and feed-forwards",
                 .expected = "norms 'sandwich' in every block"});
  if (!(start.mixer_gain >= 0 && start.ffn_gain >= 0))
    throw Error({.where = "depth-scaled start",
                 .found = fmt::format("gains {} and {}", start.mixer_gain, start.ffn_gain),
                 .expected = "numbers not below 0"});
  const torch::NoGradGuard no_gradient;
  const auto layers = static_cast<double>(model.layers()), width = static_cast<double>(model.spec().width);
  const NormNames names = norm_names(NormPlacement::sandwich);
  for (auto& entry : model.named_parameters()) {
    const std::string& name = entry.key();
    if (!name.starts_with("model.layers.")) continue;
    if (entry.value().dim() == 2) entry.value().normal_(0, std::sqrt(1 / (2 * width * layers)));
    if (name.ends_with(names.mixer_output + ".weight"))
      entry.value().fill_(start.mixer_gain / std::sqrt(layers));
    if (name.ends_with(names.ffn_output + ".weight")) entry.value().fill_(start.ffn_gain / std::sqrt(layers));
  }
}

torch::Tensor LanguageModel::embed(const torch::Tensor& ids, const torch::Tensor& texts) const {
  torch::Tensor x = torch::embedding(embedding_, ids);
  if (spec_.embedding_scale != 1) x = x * spec_.embedding_scale;
  if (token_types_.defined())
    x = x + (texts.defined() ? torch::embedding(token_types_, texts) : token_types_[0]);
  if (spec_.learned_positions) x = x + positions_.narrow(0, spec_.position_offset, ids.size(1));
  return embedding_norm_ == nullptr ? x : embedding_norm_->forward(x);
}

void LanguageModel::set_routing_vocabulary(std::span<const TokenId> table) {
  COPPICE_CHECK(word_table_.defined() && word_table_.numel() == static_cast<int64_t>(table.size()),
                "a table of the spec's size");
  const std::vector<int32_t> values(table.begin(), table.end());
  word_table_.copy_(torch::tensor(values, torch::kInt32).view(word_table_.sizes()));
}

// Undefined without a routing vocabulary. What lies behind a sequence's end is unknown.
torch::Tensor LanguageModel::routing_ids(const torch::Tensor& ids, const torch::Tensor& lengths,
                                         bool causal) {
  if (!word_table_.defined()) return {};
  const auto version = static_cast<int64_t>(word_table_._version());  // a StateDict may have changed it
  if (words_version_ != version) {
    const torch::Tensor table = word_table_.contiguous();
    words_ = RoutingVocabulary({table.data_ptr<int32_t>(), static_cast<size_t>(table.numel())},
                               word_table_.size(1), spec_.vocabulary, "model.routing_vocabulary");
    words_version_ = version;
  }
  torch::Tensor result = torch::full_like(ids, RoutingVocabulary::unknown);
  const auto from = ids.accessor<int64_t, 2>();
  auto to = result.accessor<int64_t, 2>();
  for (int64_t row = 0; row < ids.size(0); ++row) {
    const int64_t length = lengths.defined() ? lengths[row].item<int64_t>() : ids.size(1);
    std::vector<TokenId> tokens;
    for (int64_t i = 0; i < length; ++i) tokens.push_back(static_cast<TokenId>(from[row][i]));
    const auto words = causal ? words_.ending({}, tokens) : words_.covering(tokens);
    for (int64_t i = 0; i < length; ++i) to[row][i] = words[static_cast<size_t>(i)];
  }
  return result;
}

Source LanguageModel::encode(const torch::Tensor& ids, const torch::Tensor& lengths, const TraceSink& trace) {
  if (encoder_.empty())
    throw Error({.where = "model", .found = "no encoder", .expected = "an encoder-decoder"});
  const auto named = [&trace](const char* name, const torch::Tensor& value) {
    if (trace) report(trace, name, value);
    return value;
  };
  torch::Tensor x = named("encoder.embedding", embed(ids));
  const BlockContext context{.lengths = lengths, .words = routing_ids(ids, lengths, false)};
  for (size_t i = 0; i < encoder_.size(); ++i)
    x = encoder_[i]->forward(x, static_cast<int64_t>(i), trace, context);
  if (encoder_norm_ != nullptr) x = named("encoder.norm", encoder_norm_->forward(x));
  return {x, lengths};
}

// What a classifier sees: [batch, length, width] -> [batch, width].
torch::Tensor LanguageModel::text_vectors(const torch::Tensor& states, const torch::Tensor& lengths) const {
  if (spec_.head_pooling == HeadPooling::first) return states.select(1, 0);
  if (!lengths.defined()) return states.mean(1);
  const auto places = torch::arange(states.size(1), lengths.options());
  const auto there = (places.unsqueeze(0) < lengths.unsqueeze(1)).to(states.dtype()).unsqueeze(2);
  return (states * there).sum(1) / lengths.to(states.dtype()).unsqueeze(1);
}

torch::Tensor LanguageModel::forward(const torch::Tensor& ids, const TraceSink& trace,
                                     const torch::Tensor& lengths, const Source& source,
                                     const torch::Tensor& texts) {
  if (spec_.encoder && !source.states.defined())
    throw Error({.where = "model",
                 .found = "an encoder-decoder",
                 .expected = "a model that continues text: this one needs a source text too"});
  const auto named = [&trace](const char* name, const torch::Tensor& value) {
    if (trace) report(trace, name, value);
    return value;
  };
  torch::Tensor x = named("embedding", embed(ids, texts));
  const BlockContext context{
      .lengths = lengths, .source = source, .words = routing_ids(ids, lengths, is_causal(spec_))};
  for (size_t i = 0; i < blocks_.size(); ++i)
    x = blocks_[i]->forward(x, static_cast<int64_t>(i), trace, context);
  if (norm_ != nullptr) x = named("norm", norm_->forward(x));
  if (spec_.head == HeadKind::none) return x;
  if (spec_.head == HeadKind::classifier) x = text_vectors(x, lengths);
  if (head_dense_ != nullptr) {
    x = activate(spec_.head_activation, head_dense_->forward(x));
    x = named("head", head_norm_ == nullptr ? x : head_norm_->forward(x));
  }
  if (spec_.logit_scale != 1) x = x * spec_.logit_scale;
  return named("logits", torch::linear(x, head_, head_bias_));
}

}  // namespace coppice::lab
