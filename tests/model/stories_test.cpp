// The runtime against a float64 reference on a trained model: tests/support.h says where it is looked for.

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "base/json.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/model_directory.h"
#include "support.h"

namespace coppice {
namespace {

class Stories : public ::testing::Test {
 protected:
  void SetUp() override {
    COPPICE_NEEDS_DATA("stories260k-hf");
    const auto folder = test::data_folder() / "stories260k-hf";
    expected_ = read_json_file(folder / "expected.json");
    decoder_ = std::make_unique<Decoder>(std::make_shared<ModelDirectory>(folder));
  }

  std::vector<int32_t> ids(const char* key) const { return expected_.at(key).get<std::vector<int32_t>>(); }

  // The `count` ids after `prompt` that the highest logits give.
  std::vector<int32_t> greedy(std::vector<int32_t> prompt, size_t count) {
    const auto cache = decoder_->new_cache();
    std::vector<int32_t> out;
    while (out.size() < count) {
      const Decoder::Input input{.tokens = prompt, .cache = cache.get()};
      const auto logits = decoder_->forward({&input, 1});
      out.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      prompt = {out.back()};
    }
    return out;
  }

  Json expected_;
  std::unique_ptr<Decoder> decoder_;
};

TEST_F(Stories, GreedyIdsAreTheReferences) {
  const auto whole = ids("greedy_from_bos");
  EXPECT_EQ(greedy({1}, whole.size() - 1), std::vector<int32_t>(whole.begin() + 1, whole.end()));
  const auto after_prompt = ids("greedy_64_after_prompt");
  EXPECT_EQ(greedy(ids("prompt_ids"), after_prompt.size()), after_prompt);
}

TEST_F(Stories, LossIsTheReferences) {
  const auto tokens = ids("nll_text_ids");
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  const auto logits = decoder_->forward({&input, 1});
  const auto vocabulary = static_cast<size_t>(decoder_->spec().vocabulary);
  double total = 0;
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    double sum = 0;
    for (size_t v = 0; v < vocabulary; ++v) sum += std::exp(static_cast<double>(logits[t * vocabulary + v]));
    total += std::log(sum) - logits[t * vocabulary + static_cast<size_t>(tokens[t + 1])];
  }
  EXPECT_NEAR(total / static_cast<double>(tokens.size() - 1),
              expected_.at("nll_mean_all_tokens_bos_context").get<double>(), 1e-4);
}

}  // namespace
}  // namespace coppice
