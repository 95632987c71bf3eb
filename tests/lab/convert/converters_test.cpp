#include "lab/convert/converters.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/progress.h"
#include "lab/convert/parity.h"
#include "lab/tiny_models.h"
#include "model/arch/families.h"
#include "support.h"

namespace coppice::lab {
namespace {

Calibration random_text() {
  Rng rng(21);
  std::vector<TokenId> ids;
  for (int i = 0; i < 600; ++i) ids.push_back(static_cast<TokenId>(rng.below(40)));
  return {ids, TokenId{1}, 24, "test"};
}

// Every token a word of its own.
std::vector<WordsOfText> random_words() {
  WordsOfText words;
  Rng rng(21);
  for (size_t i = 0; i < 600; ++i) {
    words.ids.push_back(static_cast<TokenId>(rng.below(40)));
    words.parts.push_back({i, i + 1, true});
  }
  return {words};
}

Conversion run(const std::string& method, const std::vector<std::string>& settings = {}, double active = 0.5,
               int64_t experts = 4, uint64_t seed = 0) {
  Progress::silence(true);
  static const ModelSpec spec = test::tiny_dense();
  static const auto model = test::random_model(spec, 20);
  static const StateDict state = state_of(*model);
  static const Calibration text = random_text();
  return converters().get(method).convert({.spec = spec,
                                           .state = state,
                                           .text = text,
                                           .words = random_words,
                                           .active = active,
                                           .experts = experts,
                                           .seed = seed},
                                          settings);
}

void expect_complete(const Conversion& result) {
  const auto table = tensor_table(result.spec);
  EXPECT_EQ(table.size(), result.state.size());
  for (const auto& tensor : table) {
    const auto found = result.state.find(tensor.name);
    ASSERT_NE(found, result.state.end()) << tensor.name;
    EXPECT_EQ(found->second.sizes(), torch::IntArrayRef(tensor.shape)) << tensor.name;
  }
  EXPECT_FALSE(result.parity.empty());
  for (const auto& claim : result.parity) EXPECT_TRUE(claim.held()) << claim.what << " " << claim.difference;
}

// Conversions leave mixers and the norms around them as they are, whatever they are.
TEST(Converters, LeaveOtherMixersAndNormsAlone) {
  Progress::silence(true);
  ModelSpec spec = test::tiny_dense();
  spec.family = "coppice";
  for (auto& block : spec.blocks) {
    block.mixer =
        LatentAttentionSpec{.heads = 4, .latent_rank = 7, .plain_dim = 5, .rotary_dim = 6, .value_dim = 3};
    block.norms = NormPlacement::sandwich;
  }
  const StateDict state = state_of(*test::random_model(spec, 20));
  const Calibration text = random_text();
  for (const char* method : {"split-cluster", "cmoe", "prune-activation"}) {
    const Conversion result = converters().get(method).convert(
        {.spec = spec, .state = state, .text = text, .active = 0.5, .experts = 4, .seed = 0}, {});
    expect_complete(result);
    for (size_t i = 0; i < spec.blocks.size(); ++i) {
      EXPECT_EQ(result.spec.blocks[i].mixer, spec.blocks[i].mixer) << method;
      EXPECT_EQ(result.spec.blocks[i].norms, NormPlacement::sandwich) << method;
    }
    for (const auto& [name, tensor] : state) {
      if (name.find(".mlp.") != name.npos) continue;
      EXPECT_TRUE(torch::equal(tensor, result.state.at(name))) << name;
    }
  }
}

struct Case {
  std::string method, family;
  std::vector<std::string> settings;
};

class EveryConverter : public testing::TestWithParam<Case> {};

TEST_P(EveryConverter, WritesWhatItsSpecNeedsAndKeepsItsPromises) {
  auto settings = GetParam().settings;
  if (GetParam().method == "tomoe" || GetParam().method == "prune-learned")
    settings.insert(settings.end(), {"steps=4", "batch=2", "length=16"});
  const Conversion result = run(GetParam().method, settings);
  expect_complete(result);
  EXPECT_EQ(writable_family(result.spec), GetParam().family);
  const ParameterCount count = count_parameters(result.spec);
  const double share = static_cast<double>(count.ffn_active) /
                       static_cast<double>(count_parameters(test::tiny_dense()).ffn_total);
  if (GetParam().method == "copy" || GetParam().method == "words") return;  // its experts are whole
  EXPECT_NEAR(share, 0.5, 0.02);
}

INSTANTIATE_TEST_SUITE_P(
    Methods, EveryConverter,
    testing::Values(Case{"copy", "mixtral", {}}, Case{"copy", "coppice", {"layers=every-other"}},
                    Case{"words", "coppice", {}}, Case{"words", "coppice", {"every=1", "blocks=1"}},
                    Case{"split-random", "mixtral", {}}, Case{"split-cluster", "mixtral", {}},
                    Case{"split-random", "coppice", {"fold=false"}},
                    Case{"split-random", "coppice", {"router=mlp_tanh"}},
                    Case{"split-cluster", "coppice", {"router=neurons", "k_a=3"}},
                    Case{"split-cluster", "mixtral", {"router=centroid"}}, Case{"cmoe", "coppice", {}},
                    Case{"cmoe", "coppice", {"partition=random", "share=none", "router=random"}},
                    Case{"prune-magnitude", "llama", {}}, Case{"prune-magnitude", "llama", {"score=group"}},
                    Case{"prune-activation", "llama", {}},
                    Case{"prune-activation", "llama", {"score=fluctuation", "compensate=true"}},
                    Case{"tomoe", "coppice", {}},
                    Case{"tomoe", "mixtral", {"storage=separate", "widths=uniform"}},
                    Case{"prune-learned", "llama", {"widths=uniform"}}));

TEST(EveryConverterOfTheRegistry, IsDeterministicForASeed) {
  for (const auto& [name, converter] : converters()) {
    const std::vector<std::string> settings =
        name == "tomoe" || name == "prune-learned"
            ? std::vector<std::string>{"steps=3", "batch=2", "length=16"}
            : std::vector<std::string>{};
    const Conversion first = run(name, settings, 0.5, 4, 7), again = run(name, settings, 0.5, 4, 7);
    EXPECT_EQ(first.spec, again.spec) << name;
    EXPECT_EQ(differing_bytes(first.state, again.state), 0) << name;
  }
}

TEST(Split, FoldsTheRescaleIntoTheDownProjections) {
  const Conversion folded = run("split-random"), scaled = run("split-random", {"fold=false"});
  EXPECT_EQ(moe_of(scaled.spec.blocks[0])->router.scale, 2);
  const auto a = make_model(folded.spec, folded.state), b = make_model(scaled.spec, scaled.state);
  EXPECT_TRUE(same_logits("", *a, *b, test::random_ids(2, 20, 40, 1)).held());
}

TEST(Cmoe, BeginsWithWeightsOfOneAndAGradientToThem) {
  const Conversion result = run("cmoe");
  const auto model = make_model(result.spec, result.state);
  model->forward(test::random_ids(2, 20, 40, 2)).square().sum().backward();
  const Routing* routing = model->block(0).ffn->routing();
  EXPECT_TRUE(routing->weights.detach().eq(1).all().item<bool>());
  const torch::Tensor* scale = model->named_parameters().find("model.layers.0.mlp.gate.scale");
  ASSERT_NE(scale, nullptr);
  EXPECT_GT(scale->grad().abs().max().item<double>(), 0);
}

TEST(Cmoe, SharesHalfOfTheActiveExperts) {
  const Conversion result = run("cmoe", {}, 0.75, 8);
  const MoeSpec& moe = *moe_of(result.spec.blocks[0]);
  EXPECT_EQ(moe.shared_width, 3 * 3);
  EXPECT_EQ(moe.top_k, 3);
  EXPECT_EQ(moe.experts(), 5);
}

TEST(Prune, KeepsTheNeuronsOfLargestProductOfNorms) {
  const Conversion result = run("prune-magnitude", {}, 0.25);
  EXPECT_EQ(std::get<DenseFfnSpec>(result.spec.blocks[0].ffn).width, 6);
}

TEST(Tomoe, KeepsEveryDenseTensorBitForBit) {
  const Conversion result = run("tomoe", {"steps=3", "batch=2", "length=16"});
  static const auto dense = state_of(*test::random_model(test::tiny_dense(), 20));
  for (const auto& [name, tensor] : dense) EXPECT_TRUE(result.state.at(name).equal(tensor)) << name;
}

void expect_usage_error(const std::string& method, const std::vector<std::string>& settings, double active,
                        int64_t experts, const std::string& part) {
  try {
    run(method, settings, active, experts);
    ADD_FAILURE() << method << " accepted " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(BadRequests, AreNamed) {
  expect_usage_error("split-random", {}, 0.5, 5, "2, 3, 4, 6, 8, 12, 24");
  expect_usage_error("cmoe", {}, 0.5, 7, "does not divide");
  expect_usage_error("cmoe", {"k_a=99"}, 0.5, 4, "k_a");
  expect_usage_error("cmoe", {"shared=2"}, 0.5, 4, "shared");
  expect_usage_error("cmoe", {"sharde=1"}, 0.5, 4, "shared");
  expect_usage_error("cmoe", {"k_a=many"}, 0.5, 4, "whole number");
  expect_usage_error("cmoe", {"k_a"}, 0.5, 4, "key=value");
  expect_usage_error("copy", {"top_k=5"}, 0.5, 4, "top_k");
  expect_usage_error("tomoe", {}, 0.5, 1, "prune-learned");
}

// A dense directory as `coppice convert` gets it, with a tokenizer of single letters.
class ConvertModel : public testing::Test {
 protected:
  void SetUp() override {
    Progress::silence(true);
    std::filesystem::create_directory(folder_ / "dense");
    const auto model = test::random_model(test::tiny_dense(), 22);
    save_model(folder_ / "dense", model->spec(), state_of(*model), DType::f32);
    Json vocabulary = Json::object();
    for (int i = 0; i < 26; ++i) vocabulary[std::string(1, static_cast<char>('a' + i))] = i;
    const Json tokenizer = {{"version", "1.0"},
                            {"truncation", nullptr},
                            {"padding", nullptr},
                            {"added_tokens", Json::array()},
                            {"normalizer", nullptr},
                            {"pre_tokenizer", nullptr},
                            {"post_processor", nullptr},
                            {"decoder", nullptr},
                            {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}}};
    write_file(folder_ / "dense" / "tokenizer.json", to_text(tokenizer));
    std::string text;
    Rng rng(23);
    for (int i = 0; i < 500; ++i) text += static_cast<char>('a' + rng.below(26));
    write_file(folder_ / "calib.txt", text);
    write_file(folder_ / "empty.txt", "");
  }

  ConvertRequest request(const std::string& method) const {
    return {.method = method, .calibration = folder_ / "calib.txt", .experts = 4};
  }

  void expect_refused(const ConvertRequest& bad, Fault fault, const std::string& part) {
    try {
      convert_model(folder_ / "dense", bad, folder_ / "bad");
      ADD_FAILURE() << "accepted: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), fault) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_EQ(entry.path().filename().string().find("bad"), std::string::npos)
          << "left behind: " << entry.path();
  }

  test::TemporaryFolder folder_;
};

TEST_F(ConvertModel, WritesADirectoryThatReadsBackEqual) {
  const ConversionResult result = convert_model(folder_ / "dense", request("cmoe"), folder_ / "out");
  const ModelDirectory written(folder_ / "out");
  EXPECT_EQ(written.spec().blocks, result.spec.blocks);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out" / "tokenizer.json"));
  EXPECT_NE(read_file(folder_ / "out" / "coppice.yaml").find("cmoe"), std::string::npos);
  for (const auto& claim : read_json_file(folder_ / "out" / "parity.json"))
    EXPECT_TRUE(claim["held"].get<bool>());
  EXPECT_NEAR(result.active, 0.5, 1e-9);
  ASSERT_TRUE(result.report.contains("tokens_per_expert"));
  EXPECT_EQ(result.report["tokens_per_expert"].size(), 2u);
  const Json printed = result.to_json(request("cmoe"));
  for (const char* key : {"method", "active_params", "total_params", "seconds", "parity"})
    EXPECT_TRUE(printed.contains(key)) << key;
}

TEST_F(ConvertModel, RefusesBadInputAndLeavesNothingBehind) {
  expect_refused(request("cmeo"), Fault::usage, "cmoe");
  ConvertRequest bad = request("cmoe");
  bad.active = 1.5;
  expect_refused(bad, Fault::usage, "--active");
  bad = request("cmoe");
  bad.active = 0;
  expect_refused(bad, Fault::usage, "--active");
  bad = request("cmoe");
  bad.experts = 5;
  expect_refused(bad, Fault::usage, "does not divide");
  bad = request("cmoe");
  bad.calibration = folder_ / "empty.txt";
  expect_refused(bad, Fault::input, "no text");
}

TEST_F(ConvertModel, RefusesAModelThatIsAMixtureAlreadyAndAnExistingOutput) {
  convert_model(folder_ / "dense", request("copy"), folder_ / "out");
  EXPECT_THROW(convert_model(folder_ / "out", request("cmoe"), folder_ / "again"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "again"));
  EXPECT_THROW(convert_model(folder_ / "dense", request("prune-magnitude"), folder_ / "out"), Error);
  EXPECT_EQ(ModelDirectory(folder_ / "out").spec().family, "mixtral");
  ConvertRequest forced = request("prune-magnitude");
  forced.overwrite = true;
  convert_model(folder_ / "dense", forced, folder_ / "out");
  EXPECT_EQ(ModelDirectory(folder_ / "out").spec().family, "llama");
}

TEST_F(ConvertModel, TellsWhenExpertsCannotMeetTheShare) {
  ConvertRequest small = request("cmoe");
  small.active = 0.05;
  const ConversionResult result = convert_model(folder_ / "dense", small, folder_ / "out");
  EXPECT_NEAR(result.active, 0.25, 1e-9);
  ASSERT_FALSE(result.remarks.empty());
  EXPECT_NE(result.remarks.back().find("0.05"), std::string::npos);
}

}  // namespace
}  // namespace coppice::lab
