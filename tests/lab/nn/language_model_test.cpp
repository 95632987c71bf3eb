#include "lab/nn/language_model.h"

#include "lab/gradient_check.h"
#include "lab/nn/attention.h"
#include "lab/nn/norm.h"
#include "lab/tiny_models.h"
#include "support.h"

namespace coppice::test {
namespace {

TEST(LanguageModel, ParametersAreThoseOfTheTensorTable) {
  std::vector<ModelSpec> specs = {tiny_dense(), tiny_mixtral(),
                                  tiny_spec(DenseFfnSpec{.width = 8, .gated = false, .bias = true}, true)};
  for (const auto& [name, moe] : mixtures()) specs.push_back(tiny_spec(moe));
  for (const auto& spec : tiny_families()) specs.push_back(spec);
  for (const auto& spec : tiny_encoder_decoders()) specs.push_back(spec);
  std::get<AttentionSpec>(specs[0].blocks[1].mixer).qkv_bias = true;
  std::get<AttentionSpec>(specs[0].blocks[1].mixer).output_bias = true;
  for (const auto& spec : specs) {
    const auto state = lab::state_of(lab::LanguageModel(spec));
    const auto table = tensor_table(spec);
    EXPECT_EQ(state.size(), table.size());
    for (const auto& tensor : table) {
      ASSERT_TRUE(state.contains(tensor.name)) << tensor.name;
      EXPECT_EQ(state.at(tensor.name).sizes().vec(), tensor.shape) << tensor.name;
      EXPECT_EQ(state.at(tensor.name).scalar_type() == torch::kInt32, tensor.integer) << tensor.name;
    }
  }
}

TEST(LanguageModel, TheFutureDoesNotChangeThePast) {
  const auto model = random_model(tiny_mixtral(), 1);
  torch::Tensor ids = random_ids(2, 12, 40, 2);
  const torch::Tensor before = model->forward(ids).narrow(1, 0, 7).clone();
  ids.narrow(1, 7, 5).copy_(random_ids(2, 5, 40, 3));
  EXPECT_TRUE(torch::allclose(model->forward(ids).narrow(1, 0, 7), before, 1e-5, 1e-6));
}

TEST(LanguageModel, InitialWeightsAreFixedByTheSeed) {
  torch::manual_seed(5);
  const auto a = lab::state_of(lab::LanguageModel(tiny_mixtral()));
  torch::manual_seed(5);
  const auto b = lab::state_of(lab::LanguageModel(tiny_mixtral()));
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

// Blocks of sandwich norms, deep or not.
ModelSpec pangu_ultra(int64_t layers) {
  ModelSpec spec = tiny_dense();
  spec.family = "coppice";
  spec.width = 48;
  spec.norm_epsilon = 1e-15;  // far below the outputs that so small weights make
  spec.blocks[0].norms = NormPlacement::sandwich;
  spec.blocks.assign(static_cast<size_t>(layers), spec.blocks[0]);
  return spec;
}

double size_of_last_residual(lab::LanguageModel& model, const torch::Tensor& ids) {
  const torch::NoGradGuard no_gradient;
  double size = 0;
  const std::string last = fmt::format("layers.{}.output", model.layers() - 1);
  model.forward(ids, [&](const std::string& name, int64_t rows, int64_t width, const float* values) {
    if (name != last) return;
    for (int64_t i = 0; i < rows * width; ++i) size += values[i] * values[i];
    size = std::sqrt(size / static_cast<double>(rows * width));
  });
  return size;
}

// The claim of Pangu Ultra's start: the residual stream is as large behind 64 blocks as behind 8, where with
// weights of 1 in the norms behind the sublayers it would grow like the root of their number.
TEST(DepthScaledStart, KeepsTheResidualStreamOfOneSizeAtAnyDepth) {
  const torch::Tensor ids = random_ids(4, 16, 40, 3);
  std::vector<double> scaled, plain;
  for (const int64_t layers : {8, 64}) {
    torch::manual_seed(4);
    lab::LanguageModel model(pangu_ultra(layers));
    scaled.push_back(size_of_last_residual(model, ids));
    lab::depth_scaled_start(model, {.mixer_gain = std::sqrt(static_cast<double>(layers)),
                                    .ffn_gain = std::sqrt(static_cast<double>(layers))});
    plain.push_back(size_of_last_residual(model, ids));
  }
  EXPECT_NEAR(scaled[1] / scaled[0], 1, 0.1);
  EXPECT_NEAR(plain[1] / plain[0], std::sqrt(8.0), 0.3);
}

TEST(DepthScaledStart, DrawsMatricesAndGainsAsItSays) {
  torch::manual_seed(5);
  lab::LanguageModel model(pangu_ultra(8));
  std::vector<torch::Tensor> matrices;
  for (const auto& [name, tensor] : lab::state_of(model)) {
    if (!name.starts_with("model.layers.")) continue;
    if (tensor.dim() == 2) matrices.push_back(tensor.flatten());
    if (tensor.dim() != 1) continue;
    const bool before =
        name.ends_with("input_layernorm.weight") || name.ends_with("pre_feedforward_layernorm.weight");
    EXPECT_TRUE(torch::allclose(tensor, torch::full_like(tensor, before ? 1 : 1 / std::sqrt(8.0)))) << name;
  }
  EXPECT_NEAR(torch::cat(matrices).std().item<double>() / std::sqrt(1.0 / (2 * 48 * 8)), 1, 0.02);
}

TEST(DepthScaledStart, GainsOfZeroLeaveTheStreamAsItIs) {
  lab::LanguageModel model(pangu_ultra(3));
  lab::depth_scaled_start(model, {.mixer_gain = 0, .ffn_gain = 0});
  Trace trace;
  model.forward(random_ids(1, 9, 40, 6), collect_into(trace));
  EXPECT_EQ(trace.at("layers.2.output").values, trace.at("embedding").values);
  EXPECT_THROW(lab::depth_scaled_start(model, {.mixer_gain = -1}), Error);
  lab::LanguageModel other(tiny_dense());
  EXPECT_THROW(lab::depth_scaled_start(other), Error);
}

TEST(LanguageModel, LatentAttentionHasItsGradients) {
  for (const auto& family : tiny_families()) {
    if (family.family != "deepseek_v2" && family.family != "deepseek_v3") continue;
    ModelSpec spec = family;
    spec.blocks.resize(1);
    spec.blocks[0].ffn = DenseFfnSpec{.width = 6};
    const auto model = random_model(spec, 6);
    model->to(torch::kDouble);
    const torch::Tensor ids = random_ids(2, 5, 40, 7);
    auto named = model->named_parameters();
    std::vector<torch::Tensor> some;
    for (const char* name : {"kv_a_proj_with_mqa.weight", "kv_a_layernorm.weight", "kv_b_proj.weight"})
      some.push_back(named[std::string("model.layers.0.self_attn.") + name]);
    expect_gradients_match([&] { return model->forward(ids); }, some, 1e-5, 1e-5);
  }
}

TEST(LanguageModel, GradientsAreFiniteDifferences) {
  ModelSpec spec = tiny_dense();
  spec.blocks.resize(1);
  const auto model = random_model(spec, 6);
  model->to(torch::kDouble);
  const torch::Tensor ids = random_ids(2, 5, 40, 7);
  auto named = model->named_parameters();
  const std::vector<torch::Tensor> some = {
      named["model.norm.weight"], named["model.layers.0.input_layernorm.weight"],
      named["model.layers.0.self_attn.k_proj.weight"], named["model.layers.0.self_attn.v_proj.weight"],
      named["model.layers.0.self_attn.q_proj.weight"]};
  expect_gradients_match([&] { return model->forward(ids); }, some, 1e-5, 1e-5);
}

TEST(LanguageModel, SavesAndLoadsExactly) {
  for (const auto& [name, moe] : mixtures()) {
    const ModelSpec spec = tiny_spec(moe);
    const auto model = random_model(spec, 8);
    const TemporaryFolder folder;
    lab::save_model(folder.path(), spec, lab::state_of(*model), DType::f32);
    const auto again = lab::load_model(ModelDirectory(folder.path()));
    EXPECT_EQ(again->spec(), spec) << name;
    const torch::Tensor ids = random_ids(1, 9, 40, 9);
    EXPECT_TRUE(torch::equal(model->forward(ids), again->forward(ids))) << name;
  }
}

TEST(LanguageModel, RefusesWeightsThatDoNotFit) {
  const ModelSpec spec = tiny_spec(mixtures()[5].second);
  const auto state = lab::state_of(*random_model(spec, 10));
  const auto broken = [&](const auto& change) {
    auto copy = state;
    change(copy);
    return copy;
  };
  EXPECT_THROW(lab::make_model(spec, broken([](auto& s) { s.erase("model.norm.weight"); })), Error);
  EXPECT_THROW(lab::make_model(spec, broken([](auto& s) { s["model.norm.wait"] = torch::ones({16}); })),
               Error);
  EXPECT_THROW(lab::make_model(spec, broken([](auto& s) { s["model.norm.weight"] = torch::ones({17}); })),
               Error);
  EXPECT_THROW(lab::make_model(spec, broken([](auto& s) {
                                 s["model.layers.0.mlp.expert_neurons.1"] =
                                     torch::full({14}, 3, torch::kInt32);
                               })),
               Error);
  EXPECT_THROW(lab::make_model(spec, broken([](auto& s) {
                                 s["model.layers.0.mlp.expert_neurons.1"] =
                                     torch::arange(11, 25, torch::kInt32);
                               })),
               Error);
}

TEST(Rotary, IsARotationByPositionTimesFrequency) {
  const RopeSpec rope{.theta = 100};
  const auto table = lab::rotary_table(rope, 6, 5, torch::kDouble);
  const torch::Tensor x = random_leaf({1, 5, 1, 6}, 1).detach();
  const torch::Tensor y = lab::rotate(x, table);
  const auto frequencies = rope_frequencies(rope, 6);
  for (int64_t t = 0; t < 5; ++t)
    for (int64_t i = 0; i < 3; ++i) {
      const double angle = static_cast<double>(t) * frequencies[static_cast<size_t>(i)];
      const double a = x[0][t][0][i].item<double>(), b = x[0][t][0][i + 3].item<double>();
      EXPECT_NEAR(y[0][t][0][i].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-12);
      EXPECT_NEAR(y[0][t][0][i + 3].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-12);
    }
}

TEST(CausalAttention, EqualsItsDefinition) {
  const int64_t batch = 2, length = 7, heads = 4, kv_heads = 2, dim = 3;
  const torch::Tensor q = random_leaf({batch, length, heads, dim}, 1),
                      k = random_leaf({batch, length, kv_heads, dim}, 2),
                      v = random_leaf({batch, length, kv_heads, dim}, 3);
  const torch::Tensor y = lab::causal_attention(q, k, v);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t t = 0; t < length; ++t) {
        const int64_t g = h / (heads / kv_heads);
        const torch::Tensor keys = k[b].select(1, g).narrow(0, 0, t + 1),
                            values = v[b].select(1, g).narrow(0, 0, t + 1);
        const torch::Tensor shares = torch::softmax(torch::mv(keys, q[b][t][h]) / std::sqrt(3.0), 0);
        EXPECT_TRUE(torch::allclose(y[b][t][h], torch::mv(values.t(), shares), 1e-9, 1e-11));
      }
  expect_gradients_match([&] { return lab::causal_attention(q, k, v); }, {q, k, v});
}

// Norms of every kind and place, gates, windows and partial rotation: attention by its definition above, the
// rest by their gradients.
TEST(LanguageModel, GradientsOfEveryFamilyAreFiniteDifferences) {
  for (ModelSpec spec : tiny_families()) {
    if (moe_of(spec.blocks.front()) != nullptr) continue;  // a choice of experts has no derivative
    SCOPED_TRACE(spec.family);
    spec.blocks.resize(1);
    spec.routing_vocabulary.reset();
    spec.vocabulary = 7;
    const auto model = random_model(spec, 6);
    model->to(torch::kDouble);
    const torch::Tensor ids = random_ids(2, 5, 7, 7);
    std::vector<torch::Tensor> some;
    for (const auto& entry : model->named_parameters())
      if (entry.value().dim() == 1 || entry.key().ends_with("q_proj.weight")) some.push_back(entry.value());
    expect_gradients_match([&] { return model->forward(ids); }, some, 1e-4, 1e-4);
  }
}

TEST(CausalAttention, SeesNoFurtherThanItsWindow) {
  const torch::Tensor q = random_leaf({1, 9, 2, 4}, 1), k = random_leaf({1, 9, 1, 4}, 2),
                      v = random_leaf({1, 9, 1, 4}, 3);
  const torch::Tensor y = lab::causal_attention(q, k, v, 3);
  for (int64_t t = 0; t < 9; ++t) {
    const int64_t first = std::max<int64_t>(0, t - 2), count = t + 1 - first;
    const torch::Tensor alone = lab::causal_attention(q.narrow(1, first, count), k.narrow(1, first, count),
                                                      v.narrow(1, first, count));
    EXPECT_TRUE(torch::allclose(y[0][t], alone[0][count - 1], 1e-9, 1e-11)) << t;
  }
}

// Both ways, with a window and without, in a batch whose first sequence is shorter: what is padded there may
// be anything.
TEST(Attention, SeesBothWaysUpToItsSequencesEnd) {
  const int64_t length = 7, heads = 2, dim = 3;
  for (const int64_t window : {0, 1, 3}) {
    torch::Tensor q = random_leaf({2, length, heads, dim}, 1).detach(),
                  k = random_leaf({2, length, 1, dim}, 2).detach(),
                  v = random_leaf({2, length, 1, dim}, 3).detach();
    const std::vector<int64_t> lengths = {4, length};
    for (torch::Tensor* padded : {&k, &v}) (*padded)[0].narrow(0, 4, 3).fill_(1e6);
    const torch::Tensor y = lab::attention(
        q, k, v, {.window = window, .causal = false, .lengths = torch::tensor(lengths, torch::kInt64)});
    EXPECT_TRUE(y.isfinite().all().item<bool>());
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t t = 0; t < lengths[static_cast<size_t>(b)]; ++t) {
          std::vector<double> weights;
          double total = 0;
          torch::Tensor sum = torch::zeros({dim}, torch::kDouble);
          for (int64_t s = 0; s < lengths[static_cast<size_t>(b)]; ++s) {
            if (window > 0 && std::abs(t - s) >= window) continue;
            const double weight =
                std::exp(torch::dot(q[b][t][h], k[b][s][0]).item<double>() / std::sqrt(3.0));
            total += weight;
            sum += weight * v[b][s][0];
          }
          EXPECT_TRUE(torch::allclose(y[b][t][h], sum / total, 1e-9, 1e-11))
              << window << ' ' << b << ' ' << t;
        }
  }
}

TEST(RmsNorm, EqualsItsDefinitionAndHasItsGradient) {
  const torch::Tensor x = random_leaf({3, 4, 5}, 1), weight = random_leaf({5}, 2);
  const torch::Tensor y = lab::rms_norm(x, weight, 1e-2);
  const torch::Tensor expected = x / ((x * x).sum(-1, true) / 5 + 1e-2).sqrt() * weight;
  EXPECT_TRUE(torch::allclose(y, expected, 1e-10, 1e-12));
  expect_gradients_match([&] { return lab::rms_norm(x, weight, 1e-2); }, {x, weight});
}

}  // namespace
}  // namespace coppice::test
