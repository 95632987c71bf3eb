// Experts in tensors of their own and packed by layer: the same model either way.

#include <cstring>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/decoder.h"
#include "model/model_directory.h"
#include "model/numeric_model.h"
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
  // In a layer's files: the prefix of packed tensors, the router, and the three matrices of an expert.
  const char* packed;
  const char* router;
  const char *gate, *up, *down;
};

void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.family;
}

class ExpertFiles : public testing::TestWithParam<Kind> {
 protected:
  ExpertFiles() : rng_(21), spec_(GetParam().draw(rng_)) {
    // Three experts in a last layer, whatever was drawn.
    for (auto& block : spec_.blocks)
      if (MoeSpec* moe = moe_of(block)) {
        moe->widths = std::vector<int64_t>(3, moe->widths.front());
        moe->top_k = 2;
      }
    for (size_t i = 0; i < spec_.blocks.size(); ++i)
      if (moe_of(spec_.blocks[i]) != nullptr) layer_ = fmt::format("model.layers.{}.", i);
  }

  void write(const TemporaryFolder& folder, ExpertTensors experts,
             int64_t shard_bytes = default_shard_bytes) {
    const RandomWeights weights(spec_, rng_);
    write_model(folder.path(), spec_, weights.data(),
                {.shard_bytes = shard_bytes, .expert_tensors = experts});
  }

  // The tensors of a folder, for a test to change, and written back.
  struct Files {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<TensorData> data;
    TensorData& named(const std::string& name) {
      const auto found = std::ranges::find(data, name, &TensorData::name);
      COPPICE_CHECK(found != data.end(), name);
      return *found;
    }
    void write(const std::filesystem::path& path) const { write_tensor_folder(path, data); }
  };
  static Files files_of(const std::filesystem::path& path) {
    Files files;
    const TensorFolder folder(path);
    const auto names = folder.names();
    files.bytes.reserve(names.size() + 1);
    for (const auto& name : names) {
      const TensorView& view = *folder.find(name);
      files.bytes.emplace_back(view.bytes.begin(), view.bytes.end());
      files.data.push_back({name, view.dtype, view.shape, files.bytes.back()});
    }
    return files;
  }

  std::string expert(int e, const char* matrix) const {
    return fmt::format("{}{}", layer_, fmt::format(fmt::runtime(matrix), e));
  }
  std::string packed(const char* matrix) const { return layer_ + GetParam().packed + matrix; }

  Rng rng_;
  ModelSpec spec_;
  std::string layer_;  // the last with experts
};

TEST_P(ExpertFiles, PackedTensorsAreTheExpertsOneAfterAnother) {
  const TemporaryFolder separate, together;
  Rng same = rng_;
  write(separate, ExpertTensors::separate);
  rng_ = same;
  write(together, ExpertTensors::packed);
  const TensorFolder alone(separate.path()), files(together.path());
  const TensorView* gate_up = files.find(packed("gate_up_proj"));
  const TensorView* down = files.find(packed("down_proj"));
  ASSERT_NE(gate_up, nullptr);
  ASSERT_NE(down, nullptr);
  std::vector<std::byte> want_gate_up, want_down;
  for (int e = 0; e < 3; ++e) {
    const auto append = [&](std::vector<std::byte>& to, const char* matrix) {
      const TensorView* view = alone.find(expert(e, matrix));
      ASSERT_NE(view, nullptr) << expert(e, matrix);
      EXPECT_EQ(files.find(view->name), nullptr) << view->name;
      to.insert(to.end(), view->bytes.begin(), view->bytes.end());
    };
    append(want_gate_up, GetParam().gate);
    append(want_gate_up, GetParam().up);
    append(want_down, GetParam().down);
  }
  const int64_t width = alone.find(expert(0, GetParam().gate))->shape[0];
  EXPECT_EQ(gate_up->shape, (std::vector<int64_t>{3, 2 * width, spec_.width}));
  EXPECT_EQ(down->shape, (std::vector<int64_t>{3, spec_.width, width}));
  EXPECT_TRUE(std::ranges::equal(gate_up->bytes, want_gate_up));
  EXPECT_TRUE(std::ranges::equal(down->bytes, want_down));
  EXPECT_NE(files.find(layer_ + GetParam().router), nullptr);
}

TEST_P(ExpertFiles, BothFormsAreReadAsTheSameModel) {
  for (const int64_t shard_bytes : {default_shard_bytes, int64_t{1500}}) {
    const TemporaryFolder separate, together;
    Rng same = rng_;
    write(separate, ExpertTensors::separate, shard_bytes);
    rng_ = same;
    write(together, ExpertTensors::packed, shard_bytes);
    const ModelDirectory first(separate.path()), second(together.path());
    EXPECT_EQ(first.config(), second.config());
    EXPECT_EQ(first.spec(), second.spec());
    EXPECT_EQ(first.spec().family, GetParam().family);
    for (const auto& tensor : tensor_table(spec_)) {
      const TensorView want = first.tensor(tensor.name), got = second.tensor(tensor.name);
      EXPECT_EQ(got.shape, want.shape) << tensor.name;
      EXPECT_TRUE(std::ranges::equal(got.bytes, want.bytes)) << tensor.name;
    }
  }
}

TEST_P(ExpertFiles, PackedExpertsComputeTheSameBits) {
  const test::NumericModel model(spec_, 5);
  const auto separate = model.open();
  std::vector<TensorView> views;
  std::vector<TensorData> data;
  for (const auto& tensor : tensor_table(spec_)) {
    views.push_back(separate->tensor(tensor.name));
    data.push_back({tensor.name, views.back().dtype, views.back().shape, views.back().bytes});
  }
  const TemporaryFolder folder;
  write_model(folder.path(), spec_, data, {.expert_tensors = ExpertTensors::packed});
  Decoder first(separate), second(std::make_shared<ModelDirectory>(folder.path()));
  const auto tokens = test::random_tokens(spec_, std::min<int64_t>(6, spec_.context), rng_);
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  EXPECT_EQ(second.forward({&input, 1}), first.forward({&input, 1}));
}

TEST_P(ExpertFiles, AMixtureOfBothIsRefusedByName) {
  const TemporaryFolder separate, together;
  write(separate, ExpertTensors::separate);
  write(together, ExpertTensors::packed);
  Files files = files_of(together.path());
  const Files other = files_of(separate.path());
  const std::string name = expert(1, GetParam().up);
  files.data.push_back(*std::ranges::find(other.data, name, &TensorData::name));
  files.write(together.path());
  EXPECT_THAT(error_of([&] { ModelDirectory(together.path()); }),
              AllOf(HasSubstr("beside '" + name + "'"), HasSubstr("experts."), HasSubstr("not both")));
}

TEST_P(ExpertFiles, SpoiledPackedTensorsAreErrors) {
  const TemporaryFolder folder;
  write(folder, ExpertTensors::packed);
  const Files good = files_of(folder.path());
  const auto complaint = [&](const auto& change) {
    Files files = good;
    change(files);
    files.write(folder.path());
    return error_of([&] { ModelDirectory(folder.path()); });
  };
  EXPECT_THAT(complaint([&](Files& files) {
                std::erase_if(files.data, [&](const auto& t) { return t.name == packed("down_proj"); });
              }),
              HasSubstr("no tensor '" + packed("down_proj") + "', expected"));
  EXPECT_THAT(complaint([&](Files& files) {
                auto& tensor = files.named(packed("gate_up_proj"));
                tensor.shape = {tensor.shape[0] * tensor.shape[1], tensor.shape[2]};
              }),
              AllOf(HasSubstr("gate_up_proj: shape"), HasSubstr("by config.json")));
  EXPECT_THAT(complaint([&](Files& files) {
                auto& tensor = files.named(packed("gate_up_proj"));
                std::swap(tensor.shape[0], tensor.shape[1]);
              }),
              HasSubstr("gate_up_proj: shape"));
  EXPECT_THAT(complaint([&](Files& files) {
                auto& tensor = files.named(packed("down_proj"));
                tensor.dtype = DType::i32;
              }),
              HasSubstr("down_proj: dtype I32"));
}

INSTANTIATE_TEST_SUITE_P(
    Families, ExpertFiles,
    testing::Values(Kind{"mixtral", test::random_mixtral_spec, "mlp.experts.", "mlp.gate.weight",
                         "block_sparse_moe.experts.{}.w1.weight", "block_sparse_moe.experts.{}.w3.weight",
                         "block_sparse_moe.experts.{}.w2.weight"},
                    Kind{"qwen2_moe", test::random_qwen2_moe_spec, "mlp.experts.", "mlp.gate.weight",
                         "mlp.experts.{}.gate_proj.weight", "mlp.experts.{}.up_proj.weight",
                         "mlp.experts.{}.down_proj.weight"},
                    Kind{"qwen3_moe", test::random_qwen3_moe_spec, "mlp.experts.", "mlp.gate.weight",
                         "mlp.experts.{}.gate_proj.weight", "mlp.experts.{}.up_proj.weight",
                         "mlp.experts.{}.down_proj.weight"},
                    Kind{"olmoe", test::random_olmoe_spec, "mlp.experts.", "mlp.gate.weight",
                         "mlp.experts.{}.gate_proj.weight", "mlp.experts.{}.up_proj.weight",
                         "mlp.experts.{}.down_proj.weight"},
                    Kind{"lfm2_moe", test::random_lfm2_moe_spec, "feed_forward.experts.",
                         "feed_forward.gate.weight", "feed_forward.experts.{}.w1.weight",
                         "feed_forward.experts.{}.w3.weight", "feed_forward.experts.{}.w2.weight"}),
    [](const auto& kind) { return std::string(kind.param.family); });

TEST(ExpertTensorsOf, FamiliesWithoutPackedFilesAreRefused) {
  Rng rng(3);
  for (ModelSpec spec : {test::random_llama_spec(rng), test::random_mixtral_spec(rng)}) {
    if (MoeSpec* moe = moe_of(spec.blocks.front())) moe->shared_width = 3;  // no published family has that
    const TemporaryFolder folder;
    const RandomWeights weights(spec, rng);
    const auto write = [&] {
      write_model(folder.path(), spec, weights.data(), {.expert_tensors = ExpertTensors::packed});
    };
    EXPECT_THAT(error_of(write, Fault::usage),
                AllOf(HasSubstr("'" + writable_family(spec) + "'"), HasSubstr("mixtral, qwen2_moe")));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

}  // namespace
}  // namespace coppice
