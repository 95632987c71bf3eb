#include "lab/train/trainer.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <chrono>
#include <cmath>

#include "base/parallel.h"
#include "base/progress.h"
#include "lab/nn/moe_ffn.h"
#include "lab/route/balance.h"
#include "lab/route/ledger.h"
#include "lab/train/adamw.h"
#include "lab/train/checkpoint.h"
#include "lab/train/evaluate.h"
#include "lab/train/metrics.h"
#include "lab/train/schedule.h"

namespace coppice::lab {
namespace {

torch::Tensor next_token_loss(LanguageModel& model, const torch::Tensor& batch) {
  const int64_t length = batch.size(1) - 1;
  const torch::Tensor logits = model.forward(batch.narrow(1, 0, length));
  return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.narrow(1, 1, length).flatten());
}

class Run {
 public:
  explicit Run(const TrainingJob& job)
      : job_(job),
        options_(job.options),
        model_(*job.model),
        optimizer_(job.model->named_parameters(), job.options) {
    if (job.resume) begin_from_checkpoint();
    if (!job.folder.empty()) metrics_.emplace(metrics_file(job.folder), step_);
  }

  TrainingResult operator()() {
    model_.train();
    const int64_t first = step_,
                  tokens_per_step = options_.batch * options_.accumulate * job_.text->context();
    Progress progress("train", (options_.steps - first) * tokens_per_step, "tokens");
    TrainingResult result;
    const int64_t tail = std::max<int64_t>(1, (options_.steps - first) / 10);
    double tail_sum = 0;
    int64_t tail_steps = 0;
    while (step_ < options_.steps) {
      if (job_.should_stop && job_.should_stop()) {
        if (!job_.folder.empty()) save();
        break;
      }
      result.loss = one_step(progress);
      if (step_ > options_.steps - tail) tail_sum += result.loss, ++tail_steps;
      progress.advance(tokens_per_step, fmt::format("loss {:.4f}", result.loss));
      if (options_.eval_every > 0 && step_ % options_.eval_every == 0 && step_ < options_.steps)
        held_out(result);
      if (options_.save_every > 0 && step_ % options_.save_every == 0 && step_ < options_.steps &&
          !job_.folder.empty())
        save();
    }
    result.steps = step_;
    result.finished = step_ == options_.steps;
    result.mean_loss = tail_steps > 0 ? tail_sum / static_cast<double>(tail_steps) : result.loss;
    result.seconds = progress.seconds();
    result.tokens_per_second = progress.per_second();
    if (result.finished) held_out(result);
    model_.eval();
    return result;
  }

 private:
  // Forward, backward and update; returns the main loss, averaged over the accumulated passes.
  double one_step(const Progress& progress) {
    const double before = progress.seconds();
    optimizer_.clear_gradients();
    ledger_.clear();
    double loss = 0, auxiliary = 0;
    for (int64_t pass = 0; pass < options_.accumulate; ++pass) {
      const torch::Tensor batch = job_.text->batch(step_ * options_.accumulate + pass, options_.batch);
      const torch::Tensor main = job_.loss ? job_.loss(model_, batch) : next_token_loss(model_, batch);
      const torch::Tensor extra = auxiliary_loss();
      torch::Tensor total = extra.defined() ? main + extra : main;
      if (options_.accumulate > 1) total = total / static_cast<double>(options_.accumulate);
      total.backward();
      loss += main.item<double>() / static_cast<double>(options_.accumulate);
      if (extra.defined()) auxiliary += extra.item<double>() / static_cast<double>(options_.accumulate);
    }
    const double norm = optimizer_.gradient_norm();
    if (!std::isfinite(loss) || !std::isfinite(norm))
      throw Error({.where = fmt::format("training step {}", step_ + 1),
                   .found = "a loss or gradient that is not finite",
                   .advice = "lower --lr, lengthen --warmup, or lower --clip"});
    const double scale = options_.clip > 0 && norm > options_.clip ? options_.clip / norm : 1;
    const double rate = learning_rate(options_, step_);
    optimizer_.step(rate, scale);
    move_selection_biases();
    ++step_;
    log({.loss = loss,
         .auxiliary = auxiliary,
         .rate = rate,
         .norm = norm,
         .seconds = progress.seconds() - before});
    return loss;
  }

  // The mean over the mixture layers of their auxiliary losses; undefined when there are none. Fills the
  // ledger.
  torch::Tensor auxiliary_loss() {
    torch::Tensor sum;
    int64_t mixtures = 0;
    const auto add = [&sum](const torch::Tensor& loss) { sum = sum.defined() ? sum + loss : loss; };
    for (int64_t layer = 0; layer < model_.layers(); ++layer) {
      const Routing* routing = model_.block(layer).ffn->routing();
      if (routing == nullptr) continue;
      ledger_.add(layer, *routing);
      if (!routing->logits.defined()) continue;  // words choose: there is nothing to balance
      ++mixtures;
      if (options_.balance_loss > 0) add(load_balancing_loss(*routing) * options_.balance_loss);
      if (options_.z_loss > 0) add(router_z_loss(*routing) * options_.z_loss);
    }
    return sum.defined() ? sum / static_cast<double>(mixtures) : sum;
  }

  void move_selection_biases() {
    if (options_.bias_rate <= 0) return;
    for (const auto& [layer, counts] : ledger_.counts()) {
      MoeFfn* moe = as_moe(*model_.block(layer).ffn);
      if (moe != nullptr && moe->router().selection_bias.defined())
        update_selection_bias(moe->router().selection_bias, counts, options_.bias_rate);
    }
  }

  struct StepFigures {
    double loss, auxiliary, rate, norm, seconds;
  };
  void log(const StepFigures& figures) {
    if (!metrics_) return;
    const auto tokens = static_cast<double>(options_.batch * options_.accumulate * job_.text->context());
    Json line = {{"step", step_},
                 {"loss", figures.loss},
                 {"lr", figures.rate},
                 {"grad_norm", figures.norm},
                 {"tokens_per_s", figures.seconds > 0 ? tokens / figures.seconds : 0}};
    if (!ledger_.empty()) {
      line["aux_loss"] = figures.auxiliary;
      line["experts"] = ledger_.to_json();
    }
    metrics_->add(line);
  }

  void held_out(TrainingResult& result) {
    if (job_.held_out.empty()) return;
    result.held_out = evaluate(model_, job_.held_out, options_.batch);
    if (metrics_)
      metrics_->add(
          {{"step", step_}, {"eval_nll", result.held_out->nll}, {"eval_ppl", result.held_out->ppl}});
  }

  Checkpoint identity() const {
    return {.step = step_, .text = job_.text->fingerprint(), .options = options_};
  }
  void save() const { write_checkpoint(checkpoint_file(job_.folder), identity(), model_, optimizer_); }
  void begin_from_checkpoint() {
    step_ = read_checkpoint(checkpoint_file(job_.folder), identity(), model_, optimizer_).step;
  }

  const TrainingJob& job_;
  const TrainingOptions& options_;
  LanguageModel& model_;
  AdamW optimizer_;
  ExpertLedger ledger_;
  std::optional<MetricsLog> metrics_;
  int64_t step_ = 0;
};

}  // namespace

namespace {

// Activations are large and live for one pass. By default the C library gives each of them back to the system
// at once and the next pass faults every page in again, which costs as much as the arithmetic of a small
// model.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int threshold = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, threshold);
  mallopt(M_TRIM_THRESHOLD, threshold);
#endif
}

}  // namespace

TrainingResult train(const TrainingJob& job) {
  keep_freed_memory();
  at::set_num_threads(thread_count());
  return Run(job)();
}

}  // namespace coppice::lab
