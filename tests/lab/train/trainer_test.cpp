#include "lab/train/trainer.h"

#include "base/file.h"
#include "base/strings.h"
#include "lab/gradient_check.h"
#include "lab/tiny_models.h"
#include "lab/train/checkpoint.h"
#include "lab/train/evaluate.h"
#include "support.h"

namespace coppice::test {
namespace {

using lab::StateDict;
using lab::TrainingJob;
using lab::TrainingOptions;

// Text with structure to learn: ids that walk in steps of 7.
std::shared_ptr<const lab::PackedText> walking_text(uint64_t seed) {
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < 600; ++i) ids.push_back(static_cast<TokenId>(i * 7 % 40));
  return std::make_shared<lab::PackedText>(ids, 16, 40, seed);
}

TrainingJob job_for(const ModelSpec& spec, const std::filesystem::path& folder) {
  torch::manual_seed(5);
  TrainingJob job{.model = std::make_shared<lab::LanguageModel>(spec),
                  .text = walking_text(1),
                  .options = {.steps = 20,
                              .batch = 3,
                              .accumulate = 2,
                              .lr = 3e-3,
                              .warmup = 4,
                              .balance_loss = 0.02,
                              .z_loss = 0.001,
                              .bias_rate = 0.01,
                              .save_every = 5,
                              .seed = 1},
                  .folder = folder};
  return job;
}

StateDict trained(const TrainingJob& job) {
  lab::train(job);
  return lab::state_of(*job.model);
}

void expect_identical(const StateDict& a, const StateDict& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

std::vector<ModelSpec> kinds() {
  const auto all = mixtures();
  return {tiny_dense(), tiny_spec(all[1].second), tiny_spec(all[3].second), tiny_spec(all[6].second)};
}

TEST(Trainer, LearnsAndIsDeterministicForASeed) {
  for (const auto& spec : kinds()) {
    TrainingJob job = job_for(spec, {});
    job.options.steps = 60;
    const auto first = lab::train(job);
    EXPECT_TRUE(first.finished);
    EXPECT_LT(first.loss, 0.8 * std::log(40.0));
    TrainingJob again = job_for(spec, {});
    again.options.steps = 60;
    expect_identical(lab::state_of(*job.model), trained(again));
  }
}

TEST(Trainer, ResumeGivesTheSameBits) {
  for (const auto& spec : kinds()) {
    const TemporaryFolder whole, interrupted, killed;
    const StateDict expected = trained(job_for(spec, whole.path()));

    // Asked to stop before its eighth step: the checkpoint is of step 7.
    TrainingJob job = job_for(spec, interrupted.path());
    int asked = 0;
    job.should_stop = [&asked] { return ++asked == 8; };
    EXPECT_EQ(lab::train(job).steps, 7);
    TrainingJob resumed = job_for(spec, interrupted.path());
    resumed.resume = true;
    expect_identical(trained(resumed), expected);

    // Killed within its eighth step: the last checkpoint is of step 5, and metrics of 6 and 7 are dropped.
    job = job_for(spec, killed.path());
    int passes = 0;
    job.loss = [&passes](lab::LanguageModel& model, const torch::Tensor& batch) {
      if (++passes == 15) throw std::runtime_error("killed");
      const torch::Tensor logits = model.forward(batch.narrow(1, 0, 16));
      return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.narrow(1, 1, 16).flatten());
    };
    EXPECT_THROW(lab::train(job), std::runtime_error);
    resumed = job_for(spec, killed.path());
    resumed.resume = true;
    expect_identical(trained(resumed), expected);

    std::vector<int64_t> steps;
    for (const auto& line : split(read_file(lab::metrics_file(killed.path())), '\n'))
      if (!line.empty()) steps.push_back(parse_json(line, "metrics")["step"].get<int64_t>());
    std::vector<int64_t> counted(20);
    for (int64_t i = 0; i < 20; ++i) counted[static_cast<size_t>(i)] = i + 1;
    EXPECT_EQ(steps, counted);
  }
}

TEST(Trainer, ResumeRefusesAnotherRun) {
  const TemporaryFolder folder;
  TrainingJob job = job_for(tiny_dense(), folder.path());
  job.should_stop = [asked = 0]() mutable { return ++asked == 3; };
  lab::train(job);
  const auto resumed = [&](const auto& change) {
    TrainingJob other = job_for(tiny_dense(), folder.path());
    other.resume = true;
    change(other);
    return other;
  };
  EXPECT_THROW(lab::train(resumed([](auto& j) { j.options.lr = 1e-4; })), Error);
  EXPECT_THROW(
      lab::train(resumed([](auto& j) { j.model = std::make_shared<lab::LanguageModel>(tiny_mixtral()); })),
      Error);
  EXPECT_THROW(lab::train(resumed([](auto& j) {
                 j.text = std::make_shared<lab::PackedText>(std::vector<TokenId>(600, 3), 16, 40, 1);
               })),
               Error);
  EXPECT_NO_THROW(lab::train(resumed([](auto& j) { j.options.save_every = 2; })));

  const auto path = lab::checkpoint_file(folder.path());
  const std::string bytes = read_file(path);
  write_file(path, bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(lab::train(resumed([](auto&) {})), Error);
  write_file(path, "");
  EXPECT_THROW(lab::train(resumed([](auto&) {})), Error);
}

TEST(Trainer, ALossThatIsNotFiniteIsAnError) {
  TrainingJob job = job_for(tiny_dense(), {});
  job.loss = [](lab::LanguageModel& model, const torch::Tensor& batch) {
    return model.forward(batch).sum() * INFINITY;
  };
  EXPECT_THROW(lab::train(job), Error);
}

TEST(Trainer, AccumulationEqualsALargerBatch) {
  const auto weights = [](int64_t batch, int64_t accumulate) {
    TrainingJob job = job_for(tiny_dense(), {});
    job.options.batch = batch;
    job.options.accumulate = accumulate;
    job.options.steps = 3;
    job.options.epsilon = 1e-3;  // near-zero moments would blow rounding up
    return trained(job);
  };
  const StateDict a = weights(6, 1), b = weights(3, 2);
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::allclose(tensor, b.at(name), 1e-3, 1e-5)) << name;
}

TEST(Evaluate, EqualsTokenByTokenPrediction) {
  const auto model = random_model(tiny_dense(), 3);
  const std::vector<Window> windows = {{{1, 2, 3, 4, 5}, 1}, {{6, 7, 8}, 2}, {{9, 10, 11, 12}, 1}};
  double sum = 0;
  int64_t count = 0;
  for (const auto& window : windows)
    for (size_t t = static_cast<size_t>(window.first_scored); t < window.tokens.size(); ++t, ++count) {
      const std::vector<int64_t> before(window.tokens.begin(),
                                        window.tokens.begin() + static_cast<std::ptrdiff_t>(t));
      const torch::Tensor logits = model->forward(torch::tensor(before).unsqueeze(0))[0][-1];
      sum -= torch::log_softmax(logits, 0)[window.tokens[t]].item<double>();
    }
  for (const int64_t batch : {1, 2, 3, 8}) {
    const Perplexity result = lab::evaluate(*model, windows, batch);
    EXPECT_EQ(result.tokens, count);
    EXPECT_NEAR(result.nll, sum / static_cast<double>(count), 1e-5);
  }
}

}  // namespace
}  // namespace coppice::test
