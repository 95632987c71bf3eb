// Models as GGUF files: what is exported is the same model when it is read again, and what GGUF cannot say is
// refused.

#include "format/gguf.h"

#include <gmock/gmock.h>

#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/gguf/architectures.h"
#include "model/gguf/export_gguf.h"
#include "model/gguf/gguf_model.h"
#include "model/model_directory.h"
#include "model/random_model.h"
#include "model/sentence/sentence_encoder.h"
#include "model/tiny_tokenizers.h"
#include "support.h"
#include "text/tokenizer.h"
#include "text/train_bpe.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

constexpr int64_t vocabulary = 262;

// A random model of a family, changed to what GGUF's architecture for it can hold.
struct GgufFamily {
  const char* family;
  const char* architecture;
  ModelSpec (*draw)(Rng& rng);
};

ModelSpec random_gguf_spec(Rng& rng, const GgufFamily& family) {
  ModelSpec spec = family.draw(rng);
  spec.vocabulary = vocabulary;
  spec.bos_id = 1;
  spec.eos_ids = {2};
  const bool llama = family.architecture == std::string("llama");
  spec.blocks.assign(spec.blocks.size(), spec.blocks.front());  // whose FFN is a mixture if any is
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.window = 0;
    if (attention.rope.scaling == RopeScaling::llama3) attention.rope = {.theta = attention.rope.theta};
    if (!llama && spec.norm == NormKind::rms) {  // no biases but Qwen 2's
      attention.output_bias = false;
      attention.qkv_bias = attention.qkv_bias && std::string_view(family.architecture).starts_with("qwen2");
    }
    if (auto* dense = std::get_if<DenseFfnSpec>(&block.ffn))
      dense->activation = dense->gated ? Activation::silu : Activation::gelu_tanh;
    if (auto* moe = moe_of(block)) {
      moe->activation = Activation::silu;
      moe->router.weight =
          family.architecture == std::string("qwen2moe") || family.architecture == std::string("olmoe")
              ? ExpertWeight::score
              : ExpertWeight::renormalised;
    }
    if (family.architecture == std::string("olmoe")) attention.kv_heads = attention.heads;
  }
  const auto& free_heads = {"llama", "qwen3", "qwen3moe"};
  if (std::ranges::find(free_heads, std::string_view(family.architecture)) == free_heads.end())
    test::fit_heads(spec);
  const auto& untied = {"qwen2moe", "olmoe", "olmo2", "phi2"};
  if (std::ranges::find(untied, std::string_view(family.architecture)) != untied.end())
    spec.tied_embeddings = false;
  return spec;
}

constexpr GgufFamily gguf_families[] = {
    {"llama", "llama", test::random_llama_spec}, {"mixtral", "llama", test::random_mixtral_spec},
    {"qwen2", "qwen2", test::random_qwen2_spec}, {"qwen2_moe", "qwen2moe", test::random_qwen2_moe_spec},
    {"qwen3", "qwen3", test::random_qwen3_spec}, {"qwen3_moe", "qwen3moe", test::random_qwen3_moe_spec},
    {"olmoe", "olmoe", test::random_olmoe_spec}, {"olmo2", "olmo2", test::random_olmo2_spec},
    {"phi", "phi2", test::random_phi_spec},      {"gpt2", "gpt2", test::random_gpt2_spec},
};

void write_directory(const fs::path& folder, const ModelSpec& spec, Rng& rng, DType dtype = DType::f32) {
  const test::RandomWeights weights(spec, rng, dtype);
  write_model(folder, spec, weights.data());
  write_file(folder / "text.txt", "a text of a few words, of a few words");
  const BpeTraining training{
      .vocabulary = vocabulary, .special_tokens = {"<unk>", "<s>", "</s>"}, .add_bos = true};
  write_tokenizer(train_bpe({folder / "text.txt"}, training), training, folder);
}

// With numbers as f32 keys keep them.
Json rounded(Json json) {
  if (json.is_number_float()) return fmt::format("{}", static_cast<float>(json.get<double>()));
  if (json.is_structured())
    for (auto& part : json) part = rounded(part);
  return json;
}

void expect_same_spec(ModelSpec a, ModelSpec b) {
  a.family = b.family = "";
  EXPECT_EQ(to_line(rounded(to_json(a))), to_line(rounded(to_json(b))));
}

void expect_same_weights(const ModelFiles& a, const ModelFiles& b) {
  for (const auto& tensor : tensor_table(a.spec())) {
    const TensorView left = a.tensor(tensor.name), right = b.tensor(tensor.name);
    EXPECT_EQ(left.shape, right.shape);
    EXPECT_EQ(left.to_floats(), right.to_floats()) << tensor.name;
  }
}

std::vector<float> logits_of(const std::shared_ptr<const ModelFiles>& model) {
  Decoder decoder(model, WeightType::f32);
  const std::vector<int32_t> tokens = {1, 7, 261};
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  return decoder.forward({&input, 1});
}

class GgufFamilies : public testing::TestWithParam<GgufFamily> {};

TEST_P(GgufFamilies, ModelsComeBack) {
  Rng rng(11);
  for (int round = 0; round < 6; ++round) {
    const TemporaryFolder folder;
    const ModelSpec spec = random_gguf_spec(rng, GetParam());
    write_directory(folder.path(), spec, rng, round % 3 == 0 ? DType::bf16 : DType::f32);
    const auto original = open_model(folder.path());
    const auto result = export_gguf(*original, GgufWeights::f32, folder / "m.gguf");
    if (GetParam().family != std::string("llama")) {
      EXPECT_EQ(result.architecture, GetParam().architecture);
    }
    EXPECT_EQ(result.bytes, static_cast<int64_t>(fs::file_size(folder / "m.gguf")));
    const auto back = open_model(folder / "m.gguf");
    expect_same_spec(back->spec(), original->spec());
    if (GetParam().family != std::string("llama")) {
      EXPECT_EQ(back->spec().family, GetParam().family);
    }
    expect_same_weights(*original, *back);
    EXPECT_EQ(load_tokenizer(folder / "m.gguf")->encode("a few words"),
              load_tokenizer(folder.path())->encode("a few words"));
    // Of the same type again: the same file.
    export_gguf(*back, GgufWeights::f32, folder / "again.gguf");
    const GgufFile first(folder / "m.gguf"), second(folder / "again.gguf");
    ASSERT_EQ(first.tensors().size(), second.tensors().size());
    for (size_t i = 0; i < first.tensors().size(); ++i)
      EXPECT_TRUE(std::ranges::equal(first.tensors()[i].bytes, second.tensors()[i].bytes))
          << first.tensors()[i].name;
  }
}

// Fine experts behind a dense layer, on attention of either kind.
ModelSpec deepseek_spec(const char* family, const RouterSpec& router, const MixerSpec& mixer) {
  ModelSpec spec{.family = family, .vocabulary = vocabulary, .width = 64, .context = 64};
  spec.norm_epsilon = 1e-6;
  spec.bos_id = 1;
  spec.eos_ids = {2};
  const MoeSpec moe{.widths = std::vector<int64_t>(8, 16), .top_k = 3, .router = router, .shared_width = 32};
  spec.blocks = {{mixer, DenseFfnSpec{.width = 80}}, {mixer, moe}, {mixer, moe}};
  return spec;
}

TEST(Gguf, DeepSeekModelsComeBack) {
  const AttentionSpec plain{.heads = 4, .kv_heads = 2, .head_dim = 16};
  LatentAttentionSpec latent{.heads = 4,
                             .latent_rank = 24,
                             .plain_dim = 16,
                             .rotary_dim = 8,
                             .value_dim = 12,
                             .rope = {.interleaved = true}};
  LatentAttentionSpec stretched = latent;
  stretched.query_rank = 40;
  stretched.rope = {.theta = 500,
                    .scaling = RopeScaling::yarn,
                    .factor = 8,
                    .original_context = 16,
                    .mscale = 0.7,
                    .mscale_all_dim = 0.7,
                    .interleaved = true};
  const RouterSpec scored{.weight = ExpertWeight::score};
  const RouterSpec grouped{.score = RouterScore::sigmoid,
                           .weight = ExpertWeight::renormalised,
                           .selection_bias = true,
                           .scale = 2.5,
                           .group_rule = GroupRule::best_two,
                           .groups = 4,
                           .kept_groups = 2};
  const std::pair<ModelSpec, const char*> models[] = {
      {deepseek_spec("deepseek", scored, plain), "deepseek"},
      {deepseek_spec("deepseek_v2", scored, latent), "deepseek2"},
      {deepseek_spec("deepseek_v3", grouped, stretched), "deepseek2"}};
  for (const auto& [spec, architecture] : models) {
    Rng rng(3);
    const TemporaryFolder folder;
    write_directory(folder.path(), spec, rng);
    const auto original = open_model(folder.path());
    EXPECT_EQ(original->spec().family, spec.family);
    EXPECT_EQ(export_gguf(*original, GgufWeights::f32, folder / "m.gguf").architecture, architecture);
    const auto back = open_model(folder / "m.gguf");
    expect_same_spec(back->spec(), spec);
    EXPECT_EQ(back->spec().family, spec.family);
    expect_same_weights(*original, *back);
  }
}

// Weights of ordinary size, so that forward passes are finite.
void write_ordinary_weights(const fs::path& folder, const ModelSpec& spec) {
  Rng rng(5);
  std::vector<std::vector<float>> values;
  std::vector<TensorData> tensors;
  const auto table = tensor_table(spec);
  for (const auto& tensor : table) {
    auto& list = values.emplace_back();
    for (int64_t i = 0; i < tensor.count(); ++i)
      list.push_back(
          static_cast<float>(tensor.shape.size() == 1 ? 1 + 0.1 * rng.normal() : 0.1 * rng.normal()));
  }
  for (size_t i = 0; i < table.size(); ++i)
    tensors.push_back({table[i].name, DType::f32, table[i].shape, std::as_bytes(std::span(values[i]))});
  write_model(folder, spec, tensors);
}

// A published family's specification, with a vocabulary of ours and llama.cpp's distances.
ModelSpec published_spec(const char* family) {
  const Json file = read_json_file(fmt::format("{}/tests/data/families/{}.json", COPPICE_SOURCE, family));
  ModelSpec spec = spec_from_config(file["config"], "config.json");
  spec.vocabulary = 64;
  if (spec.learned_positions) {
    spec.bos_id.reset();
    spec.eos_ids.clear();
  }
  const auto change = [](std::vector<BlockSpec>& blocks) {
    for (auto& block : blocks)
      if (auto& bias = std::get<AttentionSpec>(block.mixer).relative_bias; bias.buckets > 0)
        bias.max_distance = 128;
  };
  change(spec.blocks);
  if (spec.encoder) change(spec.encoder->blocks);
  return spec;
}

void write_encoder_directory(const fs::path& folder, const ModelSpec& spec) {
  write_ordinary_weights(folder, spec);
  if (spec.learned_positions)
    test::write_word_piece_files(folder);
  else
    test::write_unigram_files(folder);
}

TEST(Gguf, BertsBodyComesBack) {
  for (const char* family : {"bert", "roberta", "distilbert"}) {
    const TemporaryFolder folder;
    ModelSpec spec = published_spec(family);
    for (auto& block : spec.blocks) std::get<DenseFfnSpec>(block.ffn).activation = Activation::gelu;
    if (spec.head == HeadKind::masked) spec.head_activation = Activation::gelu;
    write_encoder_directory(folder.path(), spec);
    const auto original = open_model(folder.path());
    const GgufExport written = export_gguf(*original, GgufWeights::f32, folder / "m.gguf");
    EXPECT_EQ(written.architecture, "bert");
    // What stands on top of the body is left out, and said to be.
    EXPECT_EQ(std::ranges::count(written.left_out, "lm_head.dense.weight"), spec.head == HeadKind::masked);
    EXPECT_EQ(std::ranges::count(written.left_out, "model.pooler.weight"), spec.pooler);
    const auto back = open_model(folder / "m.gguf");
    const ModelSpec& read = back->spec();
    EXPECT_EQ(read.head, HeadKind::none);
    EXPECT_FALSE(read.pooler);
    EXPECT_EQ(read.position_offset, 0);
    EXPECT_EQ(read.context, spec.context);
    EXPECT_EQ(read.token_types, spec.token_types);
    EXPECT_EQ(read.blocks, spec.blocks);
    const std::vector<int32_t> tokens = {2, 9, 21, 7, 3};
    const auto states = [&](const std::shared_ptr<const ModelFiles>& model) {
      Decoder decoder(model, WeightType::f32);
      const Decoder::Input input{.tokens = tokens};
      return decoder.hidden_states({&input, 1});
    };
    EXPECT_EQ(states(back), states(original));
    EXPECT_EQ(load_tokenizer(folder / "m.gguf")->encode("the little texts!"),
              load_tokenizer(folder.path())->encode("the little texts!"));
    export_gguf(*back, GgufWeights::f32, folder / "again.gguf");
    EXPECT_EQ(GgufFile(folder / "again.gguf").tensors().size(), GgufFile(folder / "m.gguf").tensors().size());
  }
}

TEST(Gguf, T5ComesBack) {
  for (const char* family : {"t5", "mt5", "umt5"})
    for (const bool alone : {false, true}) {
      const TemporaryFolder folder;
      ModelSpec spec = published_spec(family);
      if (alone) {
        spec.blocks = spec.encoder->blocks;
        spec.encoder.reset();
        spec.head = HeadKind::none;
        spec.tied_embeddings = false;
        spec.logit_scale = 1;
        spec.decoder_start_id.reset();
      }
      write_encoder_directory(folder.path(), spec);
      const auto original = open_model(folder.path());
      const GgufExport written = export_gguf(*original, GgufWeights::f32, folder / "m.gguf");
      EXPECT_EQ(written.architecture, alone ? "t5encoder" : "t5");
      EXPECT_TRUE(written.left_out.empty());
      const auto back = open_model(folder / "m.gguf");
      expect_same_spec(back->spec(), original->spec());
      expect_same_weights(*original, *back);
      EXPECT_EQ(load_tokenizer(folder / "m.gguf")->encode("the  little texts."),
                load_tokenizer(folder.path())->encode("the  little texts."));
    }
}

TEST(Gguf, WhatBertAndT5CannotSayIsRefusedWithTheReason) {
  const auto reason = [](const ModelSpec& spec) {
    return error_of([&] { writable_architecture(spec, "model"); });
  };
  ModelSpec bert = published_spec("bert");
  for (auto& block : bert.blocks) std::get<DenseFfnSpec>(block.ffn).activation = Activation::relu;
  EXPECT_THAT(reason(bert), HasSubstr("bert: blocks[0].ffn.activation is \"relu\""));
  ModelSpec t5 = published_spec("t5");
  for (auto& block : t5.encoder->blocks) std::get<AttentionSpec>(block.mixer).relative_bias.max_distance = 64;
  EXPECT_THAT(reason(t5), HasSubstr("t5: encoder.blocks[0].mixer.relative_bias.max_distance is 64"));
  t5 = published_spec("t5");
  t5.logit_scale = 1;
  EXPECT_THAT(reason(t5), HasSubstr("t5: logit_scale is 1"));
}

TEST(Gguf, PoolingIsThatOfSentenceTransformers) {
  const TemporaryFolder folder;
  ModelSpec spec = published_spec("bert");
  for (auto& block : spec.blocks) std::get<DenseFfnSpec>(block.ffn).activation = Activation::gelu;
  spec.head = HeadKind::none;
  spec.head_bias = spec.tied_embeddings = false;
  write_encoder_directory(folder.path(), spec);
  const auto model = open_model(folder.path());
  SentenceSpec sentence{.model = folder.path(), .pooling = {Pooling::cls}, .stages = {NormalizeStage()}};
  export_gguf(*model, GgufWeights::f32, folder / "m.gguf", &sentence);
  EXPECT_EQ(GgufFile(folder / "m.gguf").metadata().integer("bert.pooling_type"), 2);
  export_gguf(*open_model(folder / "m.gguf"), GgufWeights::f16, folder / "again.gguf");
  EXPECT_EQ(gguf_pooling(GgufFile(folder / "again.gguf").metadata()), Pooling::cls);
  SentenceEncoder encoder(folder / "again.gguf", {});
  EXPECT_EQ(encoder.spec().pooling, std::vector<Pooling>{Pooling::cls});
  const auto refusal = [&] {
    return error_of([&] { export_gguf(*model, GgufWeights::f32, folder / "no.gguf", &sentence); });
  };
  sentence.pooling = {Pooling::mean, Pooling::cls};
  EXPECT_THAT(refusal(), HasSubstr("several kinds of pooling"));
  sentence.pooling = {Pooling::max};
  EXPECT_THAT(refusal(), HasSubstr("pooling 'max'"));
  sentence.pooling = {Pooling::mean};
  sentence.stages = {DenseStage{}};
  EXPECT_THAT(refusal(), HasSubstr("a Dense module"));
  EXPECT_FALSE(fs::exists(folder / "no.gguf"));
}

INSTANTIATE_TEST_SUITE_P(All, GgufFamilies, testing::ValuesIn(gguf_families),
                         [](const auto& family) { return std::string(family.param.family); });

ModelSpec small_spec(bool mixture) {
  AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 16};
  ModelSpec spec{
      .family = mixture ? "mixtral" : "llama", .vocabulary = vocabulary, .width = 64, .context = 32};
  spec.bos_id = 1;
  spec.eos_ids = {2};
  FfnSpec ffn = DenseFfnSpec{.width = 96};
  if (mixture) ffn = MoeSpec{.widths = {32, 32, 32}, .top_k = 2};
  spec.blocks.assign(2, {attention, ffn});
  return spec;
}

void write_normal(const fs::path& folder, const ModelSpec& spec) {
  write_ordinary_weights(folder, spec);
  write_file(folder / "text.txt", "a text of a few words, of a few words");
  const BpeTraining training{
      .vocabulary = vocabulary, .special_tokens = {"<unk>", "<s>", "</s>"}, .add_bos = true};
  write_tokenizer(train_bpe({folder / "text.txt"}, training), training, folder);
}

TEST(Gguf, TheDecoderComputesTheSame) {
  for (const bool mixture : {false, true}) {
    const TemporaryFolder folder;
    write_normal(folder.path(), small_spec(mixture));
    const auto original = open_model(folder.path());
    export_gguf(*original, GgufWeights::f32, folder / "m.gguf");
    EXPECT_EQ(logits_of(original), logits_of(open_model(folder / "m.gguf")));
    // Quantized weights compute something close.
    export_gguf(*original, GgufWeights::q8_0, folder / "q8.gguf");
    const auto wanted = logits_of(original), got = logits_of(open_model(folder / "q8.gguf"));
    double error = 0, size = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      error += std::pow(wanted[i] - got[i], 2);
      size += std::pow(wanted[i], 2);
    }
    EXPECT_GT(error, 0);
    EXPECT_LT(error, 1e-3 * size);
  }
}

TEST(Gguf, RotaryRowsAreInterleavedHeadByHead) {
  ModelSpec spec = small_spec(false);
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).head_dim = 4;
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  const auto original = open_model(folder.path());
  export_gguf(*original, GgufWeights::f32, folder / "m.gguf");
  const GgufFile file(folder / "m.gguf");
  for (const auto& [ours, theirs, rotary] :
       {std::tuple("q", "q", true), {"k", "k", true}, {"v", "v", false}}) {
    const auto wanted =
        original->tensor(fmt::format("model.layers.1.self_attn.{}_proj.weight", ours)).to_floats();
    const GgufTensor& tensor = *file.find(fmt::format("blk.1.attn_{}.weight", theirs));
    const auto got = dequantize(tensor.type, tensor.bytes, "tensor");
    // Row 0 is paired with row 2, and 1 with 3.
    const size_t order[] = {0, 2, 1, 3};
    for (size_t row = 0; row < got.size() / 64; ++row)
      for (size_t column = 0; column < 64; ++column)
        ASSERT_EQ(got[row * 64 + column],
                  wanted[(rotary ? row / 4 * 4 + order[row % 4] : row) * 64 + column]);
  }
}

TEST(Gguf, TypesOfTensors) {
  ModelSpec spec = small_spec(true);
  for (auto& block : spec.blocks) moe_of(block)->widths = {40, 40, 40};
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  const auto original = open_model(folder.path());
  const auto result = export_gguf(*original, GgufWeights::q4_0, folder / "m.gguf");
  EXPECT_THAT(result.not_blocks,
              testing::ElementsAre("blk.0.ffn_down_exps.weight", "blk.1.ffn_down_exps.weight"));
  const GgufFile file(folder / "m.gguf");
  const auto type = [&](const char* name) {
    return std::string(find_ggml_type(file.find(name)->type)->name);
  };
  EXPECT_EQ(type("blk.0.attn_norm.weight"), "F32");
  EXPECT_EQ(type("blk.0.ffn_gate_inp.weight"), "F32");
  EXPECT_EQ(type("blk.0.attn_q.weight"), "Q4_0");
  EXPECT_EQ(type("blk.0.ffn_gate_exps.weight"), "Q4_0");
  EXPECT_EQ(type("blk.0.ffn_down_exps.weight"), "F16");
  EXPECT_EQ(type("token_embd.weight"), "Q4_0");
  EXPECT_EQ(type("output.weight"), "Q8_0") << "64 is no multiple of 256, else Q6_K";
  EXPECT_EQ(file.metadata().integer("general.file_type"), 2);
  EXPECT_EQ(file.find("blk.0.ffn_gate_exps.weight")->shape, (std::vector<int64_t>{3, 40, 64}));
  // Expert 2 is the third slice.
  const auto back = open_model(folder / "m.gguf");
  const std::string name = "model.layers.0.mlp.experts.2.gate_proj.weight";
  const auto values = original->tensor(name).to_floats();
  EXPECT_EQ(back->tensor(name).to_floats(), dequantize(2, quantize(GgmlType::q4_0, values, name), name));
}

// Which blocks are finer in llama.cpp's mixtures, and what rows of other lengths become.
TEST(Gguf, MixturesOfTypes) {
  ModelSpec spec = {
      .vocabulary = vocabulary,
      .width = 256,
      .context = 32,
      .tied_embeddings = false,
      .blocks = std::vector<BlockSpec>(
          16, {AttentionSpec{.heads = 4, .kv_heads = 2, .head_dim = 64}, DenseFfnSpec{.width = 96}})};
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  const auto original = open_model(folder.path());
  const auto result = export_gguf(*original, GgufWeights::q4_k, folder / "m.gguf");
  std::map<std::string, std::string> types;
  for (const auto& tensor : result.written) types[tensor.name] = tensor.type;
  std::string finer;
  for (int block = 0; block < 16; ++block) {
    const auto type = [&](const char* part) {
      return types.at(fmt::format("blk.{}.{}.weight", block, part));
    };
    finer += type("attn_v") == "Q6_K" ? '1' : '0';
    EXPECT_EQ(type("attn_q"), "Q4_K");
    EXPECT_EQ(type("ffn_down"), type("attn_v") == "Q6_K" ? "Q8_0" : "Q5_0");  // rows of 96
    EXPECT_EQ(type("attn_norm"), "F32");
  }
  EXPECT_EQ(finer, "1100100100100111");
  EXPECT_EQ(types.at("output.weight"), "Q6_K");
  EXPECT_EQ(types.at("token_embd.weight"), "Q4_K");
  EXPECT_EQ(GgufFile(folder / "m.gguf").metadata().integer("general.file_type"), 15);
  const auto back = open_model(folder / "m.gguf");
  for (const auto& tensor : result.written) EXPECT_LT(tensor.error.relative(), 0.09) << tensor.name;
  EXPECT_LT(result.written.front().error.relative(), 0.09);
}

TEST(Gguf, TheArchitectureFollowsFromTheValues) {
  ModelSpec spec = small_spec(false);
  EXPECT_EQ(writable_architecture(spec, "model"), "llama");
  EXPECT_EQ(writable_architecture(small_spec(true), "model"), "llama");
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qkv_bias = true;
  EXPECT_EQ(writable_architecture(spec, "model"), "qwen2");
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).output_bias = true;
  EXPECT_EQ(writable_architecture(spec, "model"), "llama");
}

TEST(Gguf, QwenRowsStayAsTheyAre) {
  ModelSpec spec = small_spec(false);
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qkv_bias = true;
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  const auto original = open_model(folder.path());
  EXPECT_EQ(export_gguf(*original, GgufWeights::f32, folder / "m.gguf").architecture, "qwen2");
  const auto back = open_model(folder / "m.gguf");
  expect_same_spec(original->spec(), back->spec());
  expect_same_weights(*original, *back);
  const GgufFile file(folder / "m.gguf");
  EXPECT_TRUE(std::ranges::equal(file.find("blk.0.attn_q.bias")->bytes,
                                 original->tensor("model.layers.0.self_attn.q_proj.bias").bytes));
}

// The tensors of a file, to be changed and written again.
std::vector<GgufTensorData> tensors_of(const GgufFile& file) {
  std::vector<GgufTensorData> tensors;
  for (const auto& tensor : file.tensors())
    tensors.push_back({tensor.name, static_cast<GgmlType>(tensor.type), tensor.shape, [&tensor] {
                         return std::vector<std::byte>(tensor.bytes.begin(), tensor.bytes.end());
                       }});
  return tensors;
}

// LayerNorms and biases, as Phi and GPT-2 have them.
ModelSpec small_biased_spec(NormPlacement norms) {
  ModelSpec spec = small_spec(false);
  spec.norm = NormKind::layer;
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = true;
    block.ffn = DenseFfnSpec{.width = 96, .gated = false, .bias = true, .activation = Activation::gelu_tanh};
    block.norms = norms;
  }
  return spec;
}

TEST(Gguf, StackedQueriesKeysAndValuesAreRead) {
  ModelSpec spec = small_biased_spec(NormPlacement::parallel);
  spec.head_bias = true;
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).rope.fraction = 0.5;
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  const auto original = open_model(folder.path());
  for (const GgufWeights type : {GgufWeights::f32, GgufWeights::q8_0}) {
    EXPECT_EQ(export_gguf(*original, type, folder / "m.gguf").architecture, "phi2");
    const GgufFile file(folder / "m.gguf");
    EXPECT_EQ(file.metadata().integer("phi2.rope.dimension_count"), 8);
    // Older files of this architecture have them in one tensor.
    std::vector<GgufTensorData> tensors;
    for (auto& tensor : tensors_of(file)) {
      const size_t key = tensor.name.find("attn_k."), value = tensor.name.find("attn_v.");
      if (const size_t query = tensor.name.find("attn_q."); query != tensor.name.npos) {
        tensor.name.replace(query, 6, "attn_qkv");
      } else if (key != tensor.name.npos || value != tensor.name.npos) {
        GgufTensorData& to = tensors[tensors.size() - (tensor.name.ends_with(".bias") ? 1 : 2)];
        to.shape.front() += tensor.shape.front();
        to.bytes = [first = to.bytes, second = tensor.bytes] {
          auto bytes = first();
          const auto more = second();
          bytes.insert(bytes.end(), more.begin(), more.end());
          return bytes;
        };
        continue;
      }
      tensors.push_back(std::move(tensor));
    }
    GgufMetadata metadata("file");
    for (const auto& [key, value] : file.metadata().entries()) metadata.add(key, value);
    write_gguf(folder / "stacked.gguf", metadata, tensors);
    EXPECT_NE(GgufFile(folder / "stacked.gguf").find("blk.0.attn_qkv.weight"), nullptr);
    const auto apart = open_model(folder / "m.gguf"), stacked = open_model(folder / "stacked.gguf");
    expect_same_spec(stacked->spec(), apart->spec());
    expect_same_weights(*stacked, *apart);
  }
}

TEST(Gguf, Gpt2HasStacksAndPositions) {
  ModelSpec spec = small_biased_spec(NormPlacement::pre);
  spec.learned_positions = true;
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.kv_heads = attention.heads;
    attention.rope = {.fraction = 0};
  }
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  const auto original = open_model(folder.path());
  EXPECT_EQ(export_gguf(*original, GgufWeights::q8_0, folder / "m.gguf").architecture, "gpt2");
  const GgufFile file(folder / "m.gguf");
  EXPECT_EQ(file.find("blk.1.attn_qkv.weight")->shape, (std::vector<int64_t>{192, 64}));
  EXPECT_EQ(file.find("blk.1.attn_qkv.bias")->shape, (std::vector<int64_t>{192}));
  EXPECT_EQ(file.find("blk.1.attn_q.weight"), nullptr);
  EXPECT_EQ(std::string(find_ggml_type(file.find("position_embd.weight")->type)->name), "F32");
  EXPECT_EQ(std::string(find_ggml_type(file.find("blk.1.attn_qkv.weight")->type)->name), "Q8_0");
  // The keys are the middle part, as the bytes of a Hugging Face file are (out, in).
  const std::string name = "model.layers.1.self_attn.k_proj.weight";
  const auto values = original->tensor(name).to_floats();
  EXPECT_EQ(open_model(folder / "m.gguf")->tensor(name).to_floats(),
            dequantize(8, quantize(GgmlType::q8_0, values, name), name));
}

TEST(Gguf, SharedExpertsHaveAGate) {
  ModelSpec spec = small_spec(true);
  for (auto& block : spec.blocks) {
    MoeSpec& moe = *moe_of(block);
    moe.router.weight = ExpertWeight::score;
    moe.shared_width = 96;
    moe.shared_gate = true;
  }
  const TemporaryFolder folder;
  write_normal(folder.path(), spec);
  export_gguf(*open_model(folder.path()), GgufWeights::q8_0, folder / "m.gguf");
  const GgufFile file(folder / "m.gguf");
  EXPECT_EQ(file.metadata().integer("qwen2moe.expert_feed_forward_length"), 32);
  EXPECT_EQ(file.metadata().integer("qwen2moe.expert_shared_feed_forward_length"), 96);
  EXPECT_EQ(file.find("blk.0.ffn_gate_inp_shexp.weight")->shape, (std::vector<int64_t>{64}));
  EXPECT_EQ(file.find("blk.0.ffn_down_shexp.weight")->shape, (std::vector<int64_t>{64, 96}));
  EXPECT_EQ(open_model(folder / "m.gguf")->tensor("model.layers.0.mlp.shared_expert_gate.weight").shape,
            (std::vector<int64_t>{1, 64}));
}

TEST(Gguf, Llama31RopeComesBackAndOthersAreRefused) {
  ModelSpec spec = small_spec(false);
  const RopeSpec rope{.theta = 500000, .scaling = RopeScaling::llama3, .factor = 8, .original_context = 8192};
  const auto with = [&](const RopeSpec& other) {
    for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).rope = other;
    return spec;
  };
  const TemporaryFolder folder;
  write_normal(folder.path(), with(rope));
  export_gguf(*open_model(folder.path()), GgufWeights::f32, folder / "m.gguf");
  expect_same_spec(open_model(folder / "m.gguf")->spec(), spec);
  RopeSpec other = rope;
  other.high_frequency_factor = 3;
  EXPECT_THAT(error_of([&] { writable_architecture(with(other), "model"); }), HasSubstr("not Llama 3.1's"));
}

// Whatever mixers, encoders and routers a model has, the answer is an Error and not a guess.
TEST(Gguf, FamiliesWithoutAnArchitectureAreRefused) {
  for (const char* family :
       {"lfm2", "lfm2_moe", "modernbert", "PanguProMoE", "pangu_ultra_moe", "opt", "mistral"}) {
    const Json file = read_json_file(fmt::format("{}/tests/data/families/{}.json", COPPICE_SOURCE, family));
    const ModelSpec spec = spec_from_config(file["config"], "config.json");
    EXPECT_THAT(error_of([&] { writable_architecture(spec, "model"); }), HasSubstr("model: ")) << family;
  }
}

TEST(Gguf, WhatNoArchitectureHoldsIsRefusedWithTheReason) {
  const auto reason = [](ModelSpec spec) { return error_of([&] { writable_architecture(spec, "model"); }); };
  const auto changed = [](bool mixture, auto change) {
    ModelSpec spec = small_spec(mixture);
    for (auto& block : spec.blocks) change(block);
    return spec;
  };
  EXPECT_THAT(
      reason(changed(false, [](auto& b) { std::get<DenseFfnSpec>(b.ffn).activation = Activation::gelu; })),
      HasSubstr("llama: blocks[0].ffn.activation is \"gelu\", where its files can only say \"silu\""));
  EXPECT_THAT(reason(changed(true, [](auto& b) { moe_of(b)->shared_width = 8; })),
              HasSubstr("llama: blocks[0].ffn.shared_width is 8"));
  EXPECT_THAT(reason(changed(true, [](auto& b) { moe_of(b)->router.weight = ExpertWeight::score; })),
              HasSubstr("blocks[0].ffn.router.weight is \"score\""));
  EXPECT_THAT(reason(changed(true, [](auto& b) { moe_of(b)->router.scale = 2; })),
              HasSubstr("router.scale is 2"));
  EXPECT_THAT(reason(changed(true, [](auto& b) { moe_of(b)->router.selection_bias = true; })),
              HasSubstr("selection_bias"));
  EXPECT_THAT(reason(changed(true,
                             [](auto& b) {
                               moe_of(b)->widths = {32, 32, 16};
                             })),
              HasSubstr("widths[2] is 16"));
  EXPECT_THAT(reason(changed(true, [](auto& b) { moe_of(b)->router.source = RouterSource::mlp_tanh; })),
              HasSubstr("mlp.gate.hidden"));
  // What llama.cpp takes for granted of an architecture.
  ModelSpec scored = small_spec(true);
  scored.family = "olmoe";
  for (auto& block : scored.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qk_norm = QkNorm::projection;
    moe_of(block)->router.weight = ExpertWeight::score;
  }
  EXPECT_THAT(reason(scored), HasSubstr("olmoe: olmoe: olmoe.attention.head_count_kv: 2, expected 4"));
  for (auto& block : scored.blocks) std::get<AttentionSpec>(block.mixer).kv_heads = 4;
  EXPECT_EQ(writable_architecture(scored, "model"), "olmoe");
  scored.tied_embeddings = true;
  EXPECT_THAT(reason(scored),
              HasSubstr("olmoe: olmoe: no tensor 'output.weight', expected a head of its own"));
  scored.tied_embeddings = false;
  for (auto& block : scored.blocks) std::get<AttentionSpec>(block.mixer).head_dim = 8;
  EXPECT_THAT(reason(scored),
              HasSubstr("4 heads of 8 elements, expected heads that add up to the width of 64"));
  ModelSpec unlike = small_spec(false);
  std::get<DenseFfnSpec>(unlike.blocks[1].ffn).width = 32;
  EXPECT_THAT(reason(unlike), HasSubstr("blocks[1].ffn.width is 32"));
}

// A file that holds a model, changed in one point and written again.
class DamagedFile {
 public:
  using Entries = std::vector<GgufMetadata::Entry>;
  using Tensors = std::vector<GgufTensorData>;

  explicit DamagedFile(const ModelSpec& spec) {
    if (spec.encoder || !is_causal(spec))
      write_encoder_directory(folder_.path(), spec);
    else
      write_normal(folder_.path(), spec);
    export_gguf(*open_model(folder_.path()), GgufWeights::f32, folder_ / "m.gguf");
  }

  // The file with `change` made to its keys and tensors.
  fs::path changed(const std::function<void(Entries&, Tensors&)>& change) const {
    const GgufFile file(folder_ / "m.gguf");
    Entries entries = file.metadata().entries();
    Tensors tensors = tensors_of(file);
    change(entries, tensors);
    GgufMetadata metadata("file");
    for (auto& [key, value] : entries) metadata.add(key, value);
    write_gguf(folder_ / "changed.gguf", metadata, tensors);
    return folder_ / "changed.gguf";
  }
  std::string error_after(const std::function<void(Entries&, Tensors&)>& change) const {
    const fs::path file = changed(change);
    return error_of([&] { open_model(file); });
  }
  std::string error_with(const std::string& key, const GgufValue& value) const {
    return error_after([&](Entries& entries, Tensors&) {
      std::erase_if(entries, [&](const auto& entry) { return entry.first == key; });
      entries.emplace_back(key, value);
    });
  }
  std::string error_without(const std::string& key) const {
    return error_after([&](Entries& entries, Tensors&) {
      EXPECT_EQ(std::erase_if(entries, [&](const auto& entry) { return entry.first == key; }), 1) << key;
    });
  }
  // One tensor goes, or has another shape or name.
  std::string error_without_tensor(const std::string& name) const {
    return error_after([&](Entries&, Tensors& tensors) {
      EXPECT_EQ(std::erase_if(tensors, [&](const auto& tensor) { return tensor.name == name; }), 1) << name;
    });
  }
  std::string error_with_shape(const std::string& name, const std::vector<int64_t>& shape) const {
    return error_after([&](Entries&, Tensors& tensors) {
      for (auto& tensor : tensors)
        if (tensor.name == name) {
          tensor.shape = shape;
          int64_t count = 4;
          for (const int64_t size : shape) count *= size;
          tensor.bytes = [count] { return std::vector<std::byte>(static_cast<size_t>(count)); };
        }
    });
  }

  const fs::path& folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

TEST(Gguf, DamagedModelsAreRefused) {
  const DamagedFile file(small_spec(true));
  const auto error_with = [&](const char* key, const GgufValue& value) {
    return file.error_with(key, value);
  };
  const auto error_after = [&](auto change) { return file.error_after(change); };
  EXPECT_THAT(error_with("general.architecture", std::string("mamba")),
              HasSubstr("architecture 'mamba', expected one of: qwen2, llama"));
  EXPECT_THAT(error_with("general.architecture", uint32_t{1}), HasSubstr("expected a string"));
  EXPECT_THAT(error_with("llama.attention.sliding_window", uint32_t{16}),
              HasSubstr("key 'llama.attention.sliding_window'"));
  EXPECT_THAT(error_with("llama.block_count", uint32_t{3}), HasSubstr("no tensor 'blk.2."));
  EXPECT_THAT(error_with("llama.block_count", uint32_t{1}), HasSubstr("tensor 'blk.1."));
  EXPECT_THAT(error_with("llama.block_count", UINT32_MAX), HasSubstr("llama.block_count: 4294967295"));
  EXPECT_THAT(error_with("llama.block_count", int32_t{-1}), HasSubstr("llama.block_count: -1"));
  EXPECT_THAT(error_with("llama.expert_count", UINT32_MAX), HasSubstr("llama.expert_count"));
  EXPECT_THAT(error_with("llama.expert_count", uint32_t{4}), HasSubstr("shape [3, 64]"));
  EXPECT_THAT(error_with("llama.expert_used_count", uint32_t{4}), HasSubstr("top_k 4"));
  EXPECT_THAT(error_with("llama.attention.head_count", uint32_t{0}), HasSubstr("head_count: 0"));
  EXPECT_THAT(error_with("llama.attention.head_count", GgufArray{std::vector<int32_t>{4, 4}}),
              HasSubstr("type array"));
  EXPECT_THAT(error_with("llama.rope.dimension_count", uint32_t{8}), HasSubstr("rope.dimension_count: 8"));
  EXPECT_THAT(error_with("llama.rope.scaling.type", std::string("yarn")),
              HasSubstr("'yarn', expected none or linear"));
  EXPECT_THAT(error_with("llama.rope.freq_base", -1.0f), HasSubstr("rope.freq_base: -1"));
  EXPECT_THAT(error_with("llama.context_length", uint64_t{1} << 60), HasSubstr("context"));
  EXPECT_THAT(error_after([](auto&, auto& tensors) { tensors.erase(tensors.begin() + 2); }),
              HasSubstr("no tensor"));
  EXPECT_THAT(error_after([](auto&, auto& tensors) { tensors[1].name = "blk.0.what"; }),
              HasSubstr("no tensor"));
  EXPECT_THAT(error_after([](auto&, auto& tensors) { tensors.clear(); }), HasSubstr("no tensors"));
  EXPECT_THAT(error_after([](auto&, auto& tensors) {
                tensors.push_back({"more", GgmlType::f32, {1}, [] { return std::vector<std::byte>(4); }});
              }),
              HasSubstr("tensor 'more', for which"));
}

ModelSpec small_latent_spec() {
  LatentAttentionSpec latent{.heads = 4,
                             .query_rank = 40,
                             .latent_rank = 24,
                             .plain_dim = 16,
                             .rotary_dim = 8,
                             .value_dim = 12,
                             .rope = {.interleaved = true}};
  return deepseek_spec("deepseek_v3",
                       {.score = RouterScore::sigmoid,
                        .weight = ExpertWeight::renormalised,
                        .selection_bias = true,
                        .scale = 2.5,
                        .group_rule = GroupRule::best_two,
                        .groups = 4,
                        .kept_groups = 2},
                       latent);
}

// Files of before llama.cpp computed with the latent vectors themselves: the expansion is one matrix, and the widths of
// heads stand under the usual keys.
TEST(Gguf, OlderLatentFilesAreRead) {
  const DamagedFile file(small_latent_spec());
  const auto original = open_model(file.folder());
  const fs::path older = file.changed([&](auto& entries, auto& tensors) {
    std::erase_if(entries, [](const auto& entry) {
      return entry.first.ends_with("attention.key_length") || entry.first.ends_with("attention.value_length");
    });
    for (auto& [key, value] : entries) {
      if (key.ends_with("_mla")) key.resize(key.size() - 4);
      if (key.ends_with("attention.head_count_kv")) value = uint32_t{4};
    }
    std::erase_if(tensors,
                  [](const auto& tensor) { return tensor.name.find("attn_v_b") != std::string::npos; });
    for (size_t layer = 0; layer < 3; ++layer)
      for (auto& tensor : tensors)
        if (tensor.name == fmt::format("blk.{}.attn_k_b.weight", layer)) {
          const auto whole =
              original->tensor(fmt::format("model.layers.{}.self_attn.kv_b_proj.weight", layer)).to_floats();
          tensor.name = fmt::format("blk.{}.attn_kv_b.weight", layer);
          tensor.shape = {4 * (16 + 12), 24};
          tensor.bytes = [whole] {
            const auto bytes = std::as_bytes(std::span(whole));
            return std::vector<std::byte>(bytes.begin(), bytes.end());
          };
        }
  });
  const GgufFile written(older);
  EXPECT_EQ(written.metadata().integer("deepseek2.attention.key_length"), 24);
  EXPECT_NE(written.find("blk.1.attn_kv_b.weight"), nullptr);
  const auto back = open_model(older);
  expect_same_spec(back->spec(), original->spec());
  expect_same_weights(*original, *back);
  EXPECT_EQ(logits_of(back), logits_of(original));
}

TEST(Gguf, DamagedLatentFilesAreRefused) {
  const DamagedFile file(small_latent_spec());
  EXPECT_THAT(file.error_without("deepseek2.attention.kv_lora_rank"), HasSubstr("kv_lora_rank"));
  EXPECT_THAT(file.error_with("deepseek2.attention.kv_lora_rank", uint32_t{0}), HasSubstr("kv_lora_rank: 0"));
  EXPECT_THAT(file.error_with("deepseek2.attention.kv_lora_rank", UINT32_MAX),
              HasSubstr("kv_lora_rank: 4294967295"));
  EXPECT_THAT(file.error_with("deepseek2.attention.kv_lora_rank", uint32_t{20}), HasSubstr("shape"));
  EXPECT_THAT(file.error_with("deepseek2.attention.q_lora_rank", uint32_t{1} << 21),
              HasSubstr("q_lora_rank: 2097152"));
  EXPECT_THAT(file.error_with("deepseek2.attention.q_lora_rank", uint32_t{0}),
              HasSubstr("no tensor 'blk.0.attn_q.weight'"));
  EXPECT_THAT(file.error_without("deepseek2.attention.key_length_mla"), HasSubstr("shape"));
  EXPECT_THAT(file.error_with("deepseek2.attention.key_length_mla", uint32_t{8}),
              HasSubstr("rope.dimension_count: 8"));
  EXPECT_THAT(file.error_with("deepseek2.attention.value_length_mla", uint32_t{0}),
              HasSubstr("value_length_mla: 0"));
  EXPECT_THAT(file.error_with("deepseek2.rope.dimension_count", uint32_t{7}), HasSubstr("rotary_dim"));
  EXPECT_THAT(file.error_with("deepseek2.expert_group_count", uint32_t{3}), HasSubstr("groups"));
  EXPECT_THAT(file.error_with("deepseek2.expert_group_used_count", uint32_t{4}),
              HasSubstr("expert_group_used_count: 4"));
  EXPECT_THAT(file.error_with("deepseek2.expert_gating_func", uint32_t{3}),
              HasSubstr("expert_gating_func: 3"));
  EXPECT_THAT(file.error_with("deepseek2.leading_dense_block_count", uint32_t{3}),
              HasSubstr("leading_dense_block_count: 3"));
  EXPECT_THAT(file.error_with("deepseek2.expert_shared_count", UINT32_MAX),
              HasSubstr("expert_shared_count: 4294967295"));
  EXPECT_THAT(file.error_with("deepseek2.rope.scaling.type", std::string("linear")),
              HasSubstr("'linear', expected none or yarn"));
  EXPECT_THAT(file.error_without_tensor("blk.1.attn_v_b.weight"),
              HasSubstr("no tensor 'attn_v_b beside blk.1.attn_k_b.weight'"));
  EXPECT_THAT(file.error_without_tensor("blk.1.attn_k_b.weight"),
              HasSubstr("no tensor 'blk.1.attn_k_b.weight'"));
  EXPECT_THAT(file.error_with_shape("blk.2.attn_v_b.weight", {4, 24, 12}),
              HasSubstr("blk.2.attn_v_b.weight: shape"));
  EXPECT_THAT(file.error_with_shape("blk.2.attn_k_b.weight", {4, 16, 24}),
              HasSubstr("blk.2.attn_k_b.weight: shape"));
  EXPECT_THAT(file.error_with_shape("blk.0.attn_kv_a_mqa.weight", {24, 64}),
              HasSubstr("blk.0.attn_kv_a_mqa.weight: shape"));
}

TEST(Gguf, DamagedBertFilesAreRefused) {
  ModelSpec spec = published_spec("bert");
  for (auto& block : spec.blocks) std::get<DenseFfnSpec>(block.ffn).activation = Activation::gelu;
  spec.head_activation = Activation::gelu;
  const DamagedFile file(spec);
  EXPECT_THAT(file.error_with("bert.attention.causal", true), HasSubstr("attention.causal: true"));
  EXPECT_THAT(file.error_with("bert.attention.causal", uint32_t{0}), HasSubstr("expected true or false"));
  EXPECT_THAT(file.error_with("bert.context_length", uint32_t{7}), HasSubstr("position_embd.weight: shape"));
  EXPECT_THAT(file.error_with("bert.attention.head_count", uint32_t{5}), HasSubstr("5 heads of 8 elements"));
  EXPECT_THAT(file.error_with("bert.attention.key_length", uint32_t{2}),
              HasSubstr("value_length: 8, expected 2"));
  EXPECT_THAT(file.error_with("bert.rope.scaling.attn_factor", 1.0f),
              HasSubstr("key 'bert.rope.scaling.attn_factor'"));
  EXPECT_THAT(file.error_without("bert.attention.layer_norm_epsilon"), HasSubstr("layer_norm_epsilon"));
  EXPECT_THAT(file.error_without_tensor("token_embd_norm.bias"),
              HasSubstr("no tensor 'token_embd_norm.bias'"));
  EXPECT_THAT(file.error_without_tensor("blk.0.attn_q.bias"), HasSubstr("no tensor 'blk.0.attn_q.bias'"));
  EXPECT_THAT(file.error_without_tensor("blk.0.layer_output_norm.weight"), HasSubstr("layer_output_norm"));
  EXPECT_THAT(file.error_with_shape("token_types.weight", {2, 3}), HasSubstr("token_types.weight: shape"));
  EXPECT_THAT(file.error_after([](auto&, auto& tensors) { tensors.front().name = "cls.weight"; }),
              HasSubstr("no matrix 'token_embd.weight'"));
}

// Files of the first checkpoints have a table that no formula uses; those of before decoders could be shallower have
// no key for their depth.
TEST(Gguf, EarlyT5FilesAreRead) {
  ModelSpec spec = published_spec("t5");
  spec.blocks.resize(spec.encoder->blocks.size(), spec.blocks.front());
  const DamagedFile file(spec);
  const fs::path early = file.changed([](auto& entries, auto& tensors) {
    std::erase_if(entries, [](const auto& entry) { return entry.first == "t5.decoder_block_count"; });
    tensors.push_back({"dec.blk.0.cross_attn_rel_b.weight", GgmlType::f32, {8, 3}, [] {
                         return std::vector<std::byte>(96);
                       }});
  });
  expect_same_weights(*open_model(early), *open_model(file.folder()));
}

TEST(Gguf, DamagedT5FilesAreRefused) {
  const DamagedFile file(published_spec("t5"));
  EXPECT_THAT(file.error_without("t5.attention.relative_buckets_count"), HasSubstr("relative_buckets_count"));
  EXPECT_THAT(file.error_with("t5.attention.relative_buckets_count", uint32_t{0}),
              HasSubstr("relative_buckets_count: 0"));
  EXPECT_THAT(file.error_with("t5.attention.relative_buckets_count", uint32_t{4}),
              HasSubstr("attn_rel_b.weight: shape"));
  EXPECT_THAT(file.error_with("t5.decoder_block_count", uint32_t{0}), HasSubstr("decoder_block_count: 0"));
  EXPECT_THAT(file.error_with("t5.decoder_block_count", UINT32_MAX),
              HasSubstr("decoder_block_count: 4294967295"));
  EXPECT_THAT(file.error_with("t5.decoder_block_count", uint32_t{9}), HasSubstr("no tensor 'dec.blk."));
  EXPECT_THAT(file.error_with("t5.decoder_start_token_id", uint32_t{64}),
              HasSubstr("decoder_start_token_id: 64, expected 0 to 63"));
  EXPECT_THAT(file.error_with("t5.block_count", uint32_t{1}), HasSubstr("tensor 'enc.blk.1."));
  EXPECT_THAT(file.error_without_tensor("enc.blk.0.attn_rel_b.weight"),
              HasSubstr("no tensor 'enc.blk.0.attn_rel_b.weight'"));
  EXPECT_THAT(file.error_without_tensor("dec.blk.1.cross_attn_k.weight"),
              HasSubstr("no tensor 'dec.blk.1.cross_attn_k.weight'"));
  EXPECT_THAT(file.error_without_tensor("enc.output_norm.weight"),
              HasSubstr("no tensor 'enc.output_norm.weight'"));
  EXPECT_THAT(file.error_with_shape("dec.blk.0.cross_attn_o.weight", {1, 1}),
              HasSubstr("dec.blk.0.cross_attn_o.weight: shape"));
}

TEST(Gguf, Stories) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const TemporaryFolder folder;
  const auto original = open_model(test::data_folder() / "stories260k-hf");
  for (const GgufWeights type : {GgufWeights::f32, GgufWeights::q8_0}) {
    export_gguf(*original, type, folder / "m.gguf");
    const auto back = open_model(folder / "m.gguf");
    expect_same_spec(back->spec(), original->spec());
    EXPECT_EQ(back->spec().family, "llama");
    if (type == GgufWeights::f32) expect_same_weights(*original, *back);
  }
}

}  // namespace
}  // namespace coppice
