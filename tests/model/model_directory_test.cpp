#include "model/model_directory.h"

#include <gmock/gmock.h>

#include "model/random_model.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::RandomWeights;
using test::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;

struct Kind {
  const char* family;
  ModelSpec (*draw)(Rng&);
};

void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.family;
}

class RoundTrip : public testing::TestWithParam<Kind> {};

TEST_P(RoundTrip, WhatIsWrittenIsReadInSpecAndBytes) {
  Rng rng(11);
  for (int round = 0; round < 6; ++round) {
    const TemporaryFolder folder;
    const ModelSpec spec = GetParam().draw(rng);
    const RandomWeights weights(spec, rng, rng.chance(0.5) ? DType::f32 : DType::bf16);
    auto data = weights.data();
    rng.shuffle(data);  // the order given does not matter
    write_model(folder.path(), spec, data, {.shard_bytes = rng.chance(0.5) ? 4000 : int64_t{1} << 40});
    const ModelDirectory opened(folder.path());
    EXPECT_EQ(opened.config()["model_type"], GetParam().family);
    EXPECT_EQ(opened.spec(), spec) << to_text(opened.config());
    for (const auto& want : weights.data()) {
      const TensorView& got = opened.tensor(want.name);
      EXPECT_EQ(got.shape, want.shape) << want.name;
      EXPECT_EQ(got.dtype, want.dtype) << want.name;
      EXPECT_TRUE(std::ranges::equal(got.bytes, want.bytes)) << want.name;
    }
  }
}

// What no published family can hold must become `coppice`, not be lost.
ModelSpec draw_anything(Rng& rng) {
  ModelSpec spec = test::random_spec(rng);
  spec.head_bias = spec.learned_positions = true;
  AttentionSpec odd = test::random_attention(rng);
  odd.qkv_bias = true;
  odd.output_bias = false;
  spec.blocks.front().mixer = odd;
  return spec;
}

ModelSpec draw_unequal_experts(Rng& rng) {
  ModelSpec spec = test::random_mixtral_spec(rng);
  spec.family = "coppice";
  for (auto& block : spec.blocks) {
    moe_of(block)->widths = {3, 5, 8};
    moe_of(block)->top_k = 2;
  }
  return spec;
}

ModelSpec draw_indexed_experts(Rng& rng) {
  ModelSpec spec = draw_unequal_experts(rng);
  for (auto& block : spec.blocks) {
    moe_of(block)->storage = ExpertStorage::indexed;
    moe_of(block)->dense_width = 9;
  }
  return spec;
}

ModelSpec draw_shared_expert(Rng& rng) {
  ModelSpec spec = test::random_mixtral_spec(rng);
  spec.family = "coppice";
  for (auto& block : spec.blocks) moe_of(block)->shared_width = 4;
  return spec;
}

INSTANTIATE_TEST_SUITE_P(
    Families, RoundTrip,
    testing::Values(Kind{"llama", test::random_llama_spec}, Kind{"mixtral", test::random_mixtral_spec},
                    Kind{"mistral", test::random_mistral_spec}, Kind{"qwen2", test::random_qwen2_spec},
                    Kind{"qwen3", test::random_qwen3_spec}, Kind{"qwen2_moe", test::random_qwen2_moe_spec},
                    Kind{"qwen3_moe", test::random_qwen3_moe_spec}, Kind{"olmoe", test::random_olmoe_spec},
                    Kind{"olmo2", test::random_olmo2_spec}, Kind{"phi", test::random_phi_spec},
                    Kind{"gpt2", test::random_gpt2_spec}, Kind{"opt", test::random_opt_spec},
                    Kind{"lfm2", test::random_lfm2_spec}, Kind{"lfm2_moe", test::random_lfm2_moe_spec},
                    Kind{"deepseek", test::random_deepseek_spec},
                    Kind{"deepseek_v2", test::random_deepseek_v2_spec},
                    Kind{"deepseek_v3", test::random_deepseek_v3_spec},
                    Kind{"pangu_ultra_moe", test::random_pangu_ultra_moe_spec},
                    Kind{"PanguProMoE", test::random_pangu_pro_moe_spec}, Kind{"coppice", draw_anything}));
INSTANTIATE_TEST_SUITE_P(Experts, RoundTrip,
                         testing::Values(Kind{"coppice", draw_unequal_experts},
                                         Kind{"coppice", draw_indexed_experts},
                                         Kind{"coppice", draw_shared_expert}));

TEST(WriteModel, AMixtralOfAnotherNameBecomesMixtral) {
  const TemporaryFolder folder;
  Rng rng(5);
  ModelSpec spec = test::random_mixtral_spec(rng);
  spec.family = "llama";  // the dense parent's
  write_model(folder.path(), spec, RandomWeights(spec, rng).data());
  const ModelDirectory opened(folder.path());
  EXPECT_EQ(opened.spec().family, "mixtral");
  EXPECT_NE(TensorFolder(folder.path()).find("model.layers.0.block_sparse_moe.experts.0.w1.weight"), nullptr);
  EXPECT_EQ(opened.config()["torch_dtype"], "float32");
}

TEST(WriteModel, AWrongTensorListIsOurBug) {
  const TemporaryFolder folder;
  Rng rng(5);
  const ModelSpec spec = test::random_llama_spec(rng);
  const RandomWeights weights(spec, rng);
  auto missing = weights.data();
  missing.pop_back();
  EXPECT_THROW(write_model(folder.path(), spec, missing), InternalError);
  auto extra = weights.data();
  extra.push_back({"extra", DType::f32, {0}, {}});
  EXPECT_THROW(write_model(folder.path(), spec, extra), InternalError);
}

// A directory of one model, whose files a test then spoils.
class Spoiled : public testing::Test {
 protected:
  Spoiled() : rng_(9), spec_(test::random_llama_spec(rng_)), weights_(spec_, rng_), data_(weights_.data()) {
    write_model(folder_.path(), spec_, data_);
  }

  void write() { write_tensor_folder(folder_.path(), data_); }
  TensorData& named(const std::string& name) { return *std::ranges::find(data_, name, &TensorData::name); }
  std::string open_error() {
    return error_of([&] { ModelDirectory(folder_.path()); });
  }

  TemporaryFolder folder_;
  Rng rng_;
  ModelSpec spec_;
  RandomWeights weights_;
  std::vector<TensorData> data_;
};

TEST_F(Spoiled, MissingTensor) {
  std::erase_if(data_, [](const auto& t) { return t.name == "model.layers.0.mlp.up_proj.weight"; });
  write();
  EXPECT_THAT(open_error(), HasSubstr("no tensor 'model.layers.0.mlp.up_proj.weight'"));
}

TEST_F(Spoiled, MisnamedTensorIsNamedBesideTheMissingOne) {
  named("model.layers.0.mlp.up_proj.weight").name = "model.layers.0.mlp.upp_proj.weight";
  write();
  EXPECT_THAT(open_error(), AllOf(HasSubstr("no tensor 'model.layers.0.mlp.up_proj.weight'"),
                                  HasSubstr("the nearest is 'model.layers.0.mlp.upp_proj.weight'")));
}

TEST_F(Spoiled, UnreadTensor) {
  data_.push_back({"model.layers.0.self_attn.q_norm.weight", DType::f32, {0}, {}});
  write();
  EXPECT_THAT(open_error(), HasSubstr("tensor 'model.layers.0.self_attn.q_norm.weight', for which"));
}

TEST_F(Spoiled, RotaryBuffersAreIgnored) {
  data_.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", DType::f32, {0}, {}});
  write();
  EXPECT_NO_THROW(ModelDirectory(folder_.path()));
}

TEST_F(Spoiled, TransposedTensor) {
  auto& tensor = named("model.layers.0.mlp.down_proj.weight");
  std::swap(tensor.shape[0], tensor.shape[1]);
  ASSERT_NE(tensor.shape[0], tensor.shape[1]) << "choose a seed whose matrix is not square";
  write();
  EXPECT_THAT(open_error(), AllOf(HasSubstr("mlp.down_proj.weight: shape " + shape_text(tensor.shape)),
                                  HasSubstr("by config.json")));
}

TEST_F(Spoiled, IntegerWeights) {
  named("model.norm.weight").dtype = DType::i32;
  write();
  EXPECT_THAT(open_error(), HasSubstr("model.norm.weight: dtype I32, expected F32"));
}

TEST_F(Spoiled, TruncatedFile) {
  const auto path = folder_ / "model.safetensors";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(open_error(), HasSubstr("perhaps an incomplete copy or download"));
}

TEST_F(Spoiled, MissingConfig) {
  std::filesystem::remove(folder_ / "config.json");
  EXPECT_THAT(open_error(), HasSubstr("no config.json"));
}

TEST_F(Spoiled, OnlyAPickle) {
  std::filesystem::rename(folder_ / "model.safetensors", folder_ / "pytorch_model.bin");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("pickle"), HasSubstr("convert it to safetensors")));
}

TEST(ModelDirectory, FilesAndAbsentDirectories) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { ModelDirectory(folder / "absent"); }), HasSubstr("no such directory"));
  write_file(folder / "model.gguf", "GGUF");
  EXPECT_THAT(error_of([&] { ModelDirectory(folder / "model.gguf"); }),
              HasSubstr("a file, expected a model directory"));
}

// A model's directory, whose tensors a test takes away, adds to or spoils.
class SpoiledDirectory {
 protected:
  SpoiledDirectory(uint64_t seed, ModelSpec (*draw)(Rng& rng)) : rng_(seed), spec_(draw(rng_)) {}

  // Writes the model and takes its tensors, by their names in the files.
  void prepare() {
    write_model(folder_.path(), spec_, RandomWeights(spec_, rng_).data());
    const TensorFolder files(folder_.path());
    for (const auto& name : files.names()) {
      const TensorView& view = *files.find(name);
      kept_.emplace_back(view.bytes.begin(), view.bytes.end());
      data_.push_back({name, view.dtype, view.shape, {}});
    }
    for (size_t i = 0; i < data_.size(); ++i) data_[i].bytes = kept_[i];
  }
  void write() { write_tensor_folder(folder_.path(), data_); }
  std::string open_error() {
    return error_of([&] { ModelDirectory(folder_.path()); });
  }

  TemporaryFolder folder_;
  Rng rng_;
  ModelSpec spec_;
  std::vector<std::vector<std::byte>> kept_;
  std::vector<TensorData> data_;
};

// The rules for tensors beyond those that config.json asks for, in the files of every family.
class FamilyFiles : public SpoiledDirectory, public testing::TestWithParam<Kind> {
 protected:
  FamilyFiles() : SpoiledDirectory(2, GetParam().draw) {}

  const TensorData& embedding() const {
    for (const auto& tensor : data_)
      if (tensor.name.find("embed_tokens") != tensor.name.npos || tensor.name.find("wte") != tensor.name.npos)
        return tensor;
    throw std::logic_error("no embedding");
  }
  void write_with(const TensorData& more) {
    auto all = data_;
    all.push_back(more);
    write_tensor_folder(folder_.path(), all);
  }
};

TEST_P(FamilyFiles, ATiedModelMayCarryItsEmbeddingAsHead) {
  spec_.tied_embeddings = true;
  prepare();
  TensorData head = embedding();
  head.name = "lm_head.weight";
  write_with(head);
  const ModelDirectory opened(folder_.path());
  EXPECT_EQ(opened.spec(), spec_);
  EXPECT_THROW(opened.tensor("lm_head.weight"), InternalError);
  // Another head would be used by some readers and not by others.
  std::vector<std::byte> other(head.bytes.begin(), head.bytes.end());
  other.back() ^= std::byte{1};
  head.bytes = other;
  write_with(head);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("lm_head.weight: an output head that is not the embedding"),
                                  HasSubstr("tie_word_embeddings")));
  head.shape = {head.shape[0] * head.shape[1]};
  write_with(head);
  EXPECT_THAT(open_error(), HasSubstr("lm_head.weight: shape"));
}

TEST_P(FamilyFiles, AnUntiedModelNeedsItsHead) {
  spec_.tied_embeddings = false;
  prepare();
  std::erase_if(data_, [](const auto& tensor) { return tensor.name == "lm_head.weight"; });
  write_tensor_folder(folder_.path(), data_);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("no tensor 'lm_head.weight'"), HasSubstr("tie_word_embeddings")));
}

TEST_P(FamilyFiles, RotaryBuffersArePassedOverAndOtherTensorsAreNot) {
  prepare();
  const std::byte four[4] = {};
  write_with({"model.layers.0.self_attn.rotary_emb.inv_freq", DType::f32, {1}, four});
  EXPECT_EQ(ModelDirectory(folder_.path()).spec(), spec_);
  write_with({"model.layers.0.self_attn.sinks", DType::f32, {1}, four});
  EXPECT_THAT(open_error(), AllOf(HasSubstr("'model.layers.0.self_attn.sinks'"), HasSubstr("has no place")));
  write_with({"model.layers.999.input_layernorm.weight", DType::f32, {1}, four});
  EXPECT_THAT(open_error(), HasSubstr("layers.999"));
}

TEST_P(FamilyFiles, EveryTensorIsNeeded) {
  prepare();
  for (size_t i = 0; i < data_.size(); i += 1 + data_.size() / 8) {
    auto all = data_;
    const std::string name = all[i].name;
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    write_tensor_folder(folder_.path(), all);
    EXPECT_THAT(open_error(), HasSubstr("no tensor '" + name + "'"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, FamilyFiles,
    testing::Values(Kind{"llama", test::random_llama_spec}, Kind{"mixtral", test::random_mixtral_spec},
                    Kind{"mistral", test::random_mistral_spec}, Kind{"qwen2", test::random_qwen2_spec},
                    Kind{"qwen3", test::random_qwen3_spec}, Kind{"qwen2_moe", test::random_qwen2_moe_spec},
                    Kind{"qwen3_moe", test::random_qwen3_moe_spec}, Kind{"olmoe", test::random_olmoe_spec},
                    Kind{"olmo2", test::random_olmo2_spec}, Kind{"phi", test::random_phi_spec},
                    Kind{"gpt2", test::random_gpt2_spec}, Kind{"opt", test::random_opt_spec},
                    Kind{"lfm2", test::random_lfm2_spec}, Kind{"lfm2_moe", test::random_lfm2_moe_spec}),
    [](const auto& kind) { return std::string(kind.param.family); });

struct Neurons {
  std::vector<int32_t> list;
  const char* message;
};

class WrongNeurons : public testing::TestWithParam<Neurons> {};

TEST_P(WrongNeurons, AreRefused) {
  const TemporaryFolder folder;
  Rng rng(6);
  const ModelSpec spec = draw_indexed_experts(rng);  // experts of 3, 5 and 8 of 9 neurons
  const RandomWeights weights(spec, rng);
  auto data = weights.data();
  write_model(folder.path(), spec, data);
  EXPECT_NO_THROW(ModelDirectory(folder.path()));
  std::ranges::find(data, "model.layers.0.mlp.expert_neurons.0", &TensorData::name)->bytes =
      std::as_bytes(std::span(GetParam().list));
  write_tensor_folder(folder.path(), data);
  EXPECT_THAT(error_of([&] { ModelDirectory(folder.path()); }),
              AllOf(HasSubstr("expert_neurons.0"), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Lists, WrongNeurons,
                         testing::Values(Neurons{{2, 1, 3}, "neuron 1 after 2"},
                                         Neurons{{1, 1, 2}, "neuron 1 after 1"},
                                         Neurons{{-1, 0, 1}, "neuron -1 after -1"},
                                         Neurons{{0, 1, 9}, "below the dense width 9"}));

// A GPT-2 directory as its makers lay it out, to which a test adds a tensor or spoils one.
class Gpt2Files : public SpoiledDirectory, public testing::Test {
 protected:
  Gpt2Files() : SpoiledDirectory(4, test::random_gpt2_spec) { prepare(); }

  TensorData& fused() {
    return *std::ranges::find(data_, "transformer.h.0.attn.c_attn.weight", &TensorData::name);
  }
};

TEST_F(Gpt2Files, HoldQueriesKeysAndValuesInOneTransposedTensor) {
  EXPECT_EQ(fused().shape, (std::vector<int64_t>{spec_.width, 3 * spec_.width}));
}

TEST_F(Gpt2Files, MasksArePassedOverAndNothingElse) {
  const std::byte mask[4] = {};
  data_.push_back({"transformer.h.0.attn.bias", DType::f32, {1, 1, 1, 1}, mask});
  write();
  EXPECT_EQ(ModelDirectory(folder_.path()).spec(), spec_);
  data_.push_back({"transformer.h.0.attn.q_norm", DType::f32, {1}, mask});
  write();
  EXPECT_THAT(open_error(), HasSubstr("transformer.h.0.attn.q_norm"));
}

TEST_F(Gpt2Files, AFusedTensorOfAnotherShapeIsRefused) {
  std::swap(fused().shape[0], fused().shape[1]);
  write();
  EXPECT_THAT(open_error(), AllOf(HasSubstr("c_attn.weight: shape"), HasSubstr("by config.json")));
}

TEST_F(Gpt2Files, AMissingFusedTensorIsNamedOnce) {
  std::erase_if(data_, [](const auto& tensor) { return tensor.name == "transformer.h.0.attn.c_attn.bias"; });
  write();
  EXPECT_THAT(open_error(), HasSubstr("no tensor 'transformer.h.0.attn.c_attn.bias', expected"));
}

TEST(CompanionFiles, AreCopiedWherePresent) {
  const TemporaryFolder from, to;
  write_file(from / "tokenizer.json", "{}");
  write_file(from / "chat_template.jinja", "hello");
  write_file(from / "model.safetensors", "not a companion");
  copy_companion_files(from.path(), to.path());
  EXPECT_EQ(read_file(to / "tokenizer.json"), "{}");
  EXPECT_EQ(read_file(to / "chat_template.jinja"), "hello");
  EXPECT_FALSE(std::filesystem::exists(to / "model.safetensors"));
}

TEST(RealModel, Stories260kIsReadAsItIs) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const ModelDirectory model(test::data_folder() / "stories260k-hf");
  const int64_t vocabulary = 512, width = 64, ffn = 172, layers = 5, heads = 8, kv_heads = 4, head_dim = 8;
  const int64_t attention = width * head_dim * (2 * heads + 2 * kv_heads);
  const int64_t expected = vocabulary * width + layers * (attention + 3 * width * ffn + 2 * width) + width;
  const ParameterCount count = count_parameters(model.spec());
  EXPECT_EQ(count.total, expected);
  EXPECT_EQ(count.active, expected);
  EXPECT_EQ(count.ffn_total, layers * 3 * width * ffn);
  EXPECT_EQ(model.total_bytes(), 4 * expected);
  EXPECT_TRUE(model.spec().tied_embeddings);
  EXPECT_EQ(model.tensor("model.embed_tokens.weight").to_floats().size(),
            static_cast<size_t>(vocabulary * width));
}

}  // namespace
}  // namespace coppice
