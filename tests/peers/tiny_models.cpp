// Small random models of the families that GGUF has architectures for, for the checks against llama.cpp:
//
//   tiny_models FOLDER [FAMILY]
//
// writes FOLDER/<family>, a model directory each, or that of one family alone. Rows are multiples of the 32
// elements of a block, so that every type is tried on every matrix.

#include <cmath>
#include <filesystem>
#include <iostream>

#include "base/file.h"
#include "base/registry.h"
#include "base/rng.h"
#include "model/model_directory.h"
#include "model/tiny_tokenizers.h"
#include "text/train_bpe.h"

namespace coppice {
namespace {

constexpr int64_t vocabulary = 262, width = 64;

// Llama's values, changed by `change`.
template <class Change>
ModelSpec tiny(const char* family, FfnSpec ffn, Change change) {
  ModelSpec spec{.family = family, .vocabulary = vocabulary, .width = width, .context = 128};
  spec.bos_id = 1;
  spec.eos_ids = {2};
  spec.blocks.assign(3, {AttentionSpec{.heads = 4, .kv_heads = 2, .head_dim = 16}, std::move(ffn)});
  for (auto& block : spec.blocks) change(spec, block, std::get<AttentionSpec>(block.mixer));
  return spec;
}

// Shared and fine-grained experts behind a dense layer.
ModelSpec fine(const char* family, MoeSpec moe, std::optional<LatentAttentionSpec> latent) {
  moe.shared_width = 64;
  return tiny(family, moe, [&](ModelSpec& spec, BlockSpec& block, AttentionSpec& attention) {
    if (&block == &spec.blocks.front()) block.ffn = DenseFfnSpec{.width = 96};
    if (!latent) {
      attention.kv_heads = 4;
      return;
    }
    spec.norm_epsilon = latent->norm_epsilon;
    block.mixer = *latent;
  });
}

void add_layer_norms_and_biases(ModelSpec& spec, AttentionSpec& attention) {
  spec.norm = NormKind::layer;
  attention.qkv_bias = attention.output_bias = true;
}

// BERT's values: LayerNorm behind every sum, learned positions, biases.
ModelSpec tiny_encoder(const char* family, int64_t token_types, int64_t position_offset) {
  const DenseFfnSpec ffn{.width = 128, .gated = false, .bias = true, .activation = Activation::gelu};
  ModelSpec spec = tiny(family, ffn, [](ModelSpec& own, BlockSpec& block, AttentionSpec& attention) {
    add_layer_norms_and_biases(own, attention);
    attention.kv_heads = 4;
    attention.causal = false;
    attention.rope = {.fraction = 0};
    block.norms = NormPlacement::post_sum;
  });
  spec.learned_positions = spec.embedding_norm = true;
  spec.final_norm = false;
  spec.head = HeadKind::none;
  spec.norm_epsilon = 1e-12;
  spec.token_types = token_types;
  spec.position_offset = position_offset;
  spec.bos_id.reset();
  spec.eos_ids.clear();
  return spec;
}

// T5's values: unscaled attention, biases by distance; with a decoder, or alone.
ModelSpec tiny_t5(const char* family, bool gated, bool shared_bias, bool decoder) {
  const DenseFfnSpec ffn{
      .width = 128, .gated = gated, .activation = gated ? Activation::gelu_tanh : Activation::relu};
  ModelSpec spec = tiny(family, ffn, [&](ModelSpec&, BlockSpec&, AttentionSpec& attention) {
    attention.kv_heads = 4;
    attention.scale = 1;
    attention.rope = {.fraction = 0};
    attention.relative_bias = {.buckets = 32, .max_distance = 128, .shared = shared_bias};
    attention.causal = false;
  });
  spec.norm_epsilon = 1e-6;
  spec.bos_id.reset();
  spec.eos_ids = {1};
  spec.head = decoder ? HeadKind::linear : HeadKind::none;
  if (!decoder) return spec;
  spec.encoder.emplace().blocks = spec.blocks;
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    block.cross_attention = attention;
    block.cross_attention->relative_bias = {};
    attention.causal = true;
  }
  spec.decoder_start_id = 0;
  spec.tied_embeddings = !gated;
  if (!gated) spec.logit_scale = 1 / std::sqrt(static_cast<double>(width));
  return spec;
}

const Registry<ModelSpec>& tiny_models() {
  const DenseFfnSpec gated{.width = 96};
  const DenseFfnSpec plain{.width = 128, .gated = false, .bias = true, .activation = Activation::gelu_tanh};
  const MoeSpec renormalised{.widths = std::vector<int64_t>(6, 32), .top_k = 2};
  MoeSpec scored = renormalised, shared = renormalised;
  scored.router.weight = shared.router.weight = ExpertWeight::score;
  shared.shared_width = 96;
  shared.shared_gate = true;
  LatentAttentionSpec latent{
      .heads = 4, .latent_rank = 32, .plain_dim = 32, .rotary_dim = 32, .value_dim = 32};
  latent.rope.interleaved = true;
  LatentAttentionSpec stretched = latent;  // as the published models of both families are
  stretched.query_rank = 32;
  stretched.rope.scaling = RopeScaling::yarn;
  stretched.rope.factor = 40;
  stretched.rope.original_context = 32;
  stretched.rope.mscale = stretched.rope.mscale_all_dim = 0.707;
  MoeSpec scaled = scored, grouped = renormalised;
  scaled.router.scale = 1.5;
  grouped.router = {.score = RouterScore::sigmoid,
                    .selection_bias = true,
                    .scale = 2.5,
                    .group_rule = GroupRule::best_two,
                    .groups = 3,
                    .kept_groups = 2};
  static const Registry<ModelSpec> all(
      "family", {{"llama", tiny("llama", gated, [](auto&, auto&, auto&) {})},
                 {"mixtral", tiny("mixtral", renormalised, [](auto&, auto&, auto&) {})},
                 {"qwen2", tiny("qwen2", gated, [](auto&, auto&, auto& a) { a.qkv_bias = true; })},
                 {"qwen2_moe", tiny("qwen2_moe", shared, [](auto&, auto&, auto& a) { a.qkv_bias = true; })},
                 {"qwen3", tiny("qwen3", gated,
                                [](auto& spec, auto&, auto& a) {
                                  spec.tied_embeddings = true;
                                  a.head_dim = 32;
                                  a.qk_norm = QkNorm::head;
                                })},
                 {"qwen3_moe", tiny("qwen3_moe", renormalised,
                                    [](auto&, auto&, auto& a) {
                                      a.head_dim = 32;
                                      a.qk_norm = QkNorm::head;
                                    })},
                 {"olmoe", tiny("olmoe", scored,
                                [](auto&, auto&, auto& a) {
                                  a.kv_heads = 4;
                                  a.qk_norm = QkNorm::projection;
                                })},
                 {"olmo2", tiny("olmo2", gated,
                                [](auto&, auto& block, auto& a) {
                                  block.norms = NormPlacement::post;
                                  a.qk_norm = QkNorm::projection;
                                })},
                 {"deepseek", fine("deepseek", scored, std::nullopt)},
                 {"deepseek_v2", fine("deepseek_v2", scaled, stretched)},
                 {"deepseek_v2_lite", fine("deepseek_v2", scored, latent)},
                 {"deepseek_v3", fine("deepseek_v3", grouped, stretched)},
                 {"bert", tiny_encoder("bert", 2, 0)},
                 {"roberta", tiny_encoder("roberta", 1, 2)},
                 {"distilbert", tiny_encoder("distilbert", 0, 0)},
                 {"t5", tiny_t5("t5", false, true, true)},
                 {"mt5", tiny_t5("mt5", true, true, true)},
                 {"umt5", tiny_t5("umt5", true, false, true)},
                 {"t5_encoder", tiny_t5("t5", false, true, false)},
                 {"phi", tiny("phi", plain,
                              [](auto& spec, auto& block, auto& a) {
                                add_layer_norms_and_biases(spec, a);
                                spec.head_bias = true;
                                block.norms = NormPlacement::parallel;
                                a.rope.fraction = 0.5;
                              })},
                 {"gpt2", tiny("gpt2", plain, [](auto& spec, auto&, auto& a) {
                    add_layer_norms_and_biases(spec, a);
                    spec.tied_embeddings = spec.learned_positions = true;
                    a.kv_heads = 4;
                    a.rope = {.fraction = 0};
                  })}});
  return all;
}

// Matrices large enough that logits tell tokens apart.
std::vector<float> random_values(const TensorSpec& tensor, Rng& rng) {
  const bool vector = tensor.shape.size() == 1, norm = tensor.name.ends_with("norm.weight");
  const double spread = vector ? 0.2 : 1.2 / std::sqrt(static_cast<double>(tensor.shape.back()));
  std::vector<float> values(static_cast<size_t>(tensor.count()));
  for (auto& value : values) value = static_cast<float>((norm ? 1 : 0) + spread * rng.normal());
  return values;
}

void write(const std::filesystem::path& folder, const ModelSpec& spec) {
  Rng rng(7);
  const auto table = tensor_table(spec);
  std::vector<std::vector<float>> values;
  std::vector<TensorData> tensors;
  for (const auto& tensor : table) values.push_back(random_values(tensor, rng));
  for (size_t i = 0; i < table.size(); ++i)
    tensors.push_back({table[i].name, DType::f32, table[i].shape, std::as_bytes(std::span(values[i]))});
  std::filesystem::create_directories(folder);
  write_model(folder, spec, tensors);
  if (spec.encoder || !is_causal(spec)) {
    if (!spec.learned_positions) {
      test::write_unigram_files(folder);
      return;
    }
    test::write_word_piece_files(folder);
    std::filesystem::create_directories(folder / "1_Pooling");
    write_file(folder / "modules.json",
               R"([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])");
    write_file(folder / "1_Pooling/config.json",
               R"({"pooling_mode_mean_tokens": true, "word_embedding_dimension": 64})");
    return;
  }
  write_file(folder / "text.txt", "a text of a few words, of a few words");
  const BpeTraining training{
      .vocabulary = vocabulary, .special_tokens = {"<unk>", "<s>", "</s>"}, .add_bos = true};
  write_tokenizer(train_bpe({folder / "text.txt"}, training), training, folder);
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: tiny_models FOLDER [FAMILY]\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    for (const auto& [name, spec] : coppice::tiny_models())
      if (argc < 3 || name == argv[2]) coppice::write(folder / name, spec);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
