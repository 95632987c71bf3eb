#include "lab/convert/mask_training.h"

#include <algorithm>

#include "base/progress.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/gumbel.h"
#include "lab/convert/mask_losses.h"

namespace coppice::lab {

void MaskedModel::set_masking(Masking masking) {
  for (auto& ffn : ffns) ffn->masking = masking;
}

std::vector<torch::Tensor> MaskedModel::mask_logits() {
  const torch::NoGradGuard no_grad;
  const torch::Tensor embeddings = network->embeddings();
  std::vector<torch::Tensor> logits;
  for (int64_t layer = 0; layer < network->layers(); ++layer)
    logits.push_back(network->layer(layer).mask_logits(embeddings[layer]));
  return logits;
}

MaskedModel make_masked_model(const ModelSpec& spec, const StateDict& state, int64_t experts, uint64_t seed) {
  MaskedModel masked{.model = make_model(spec, state)};
  const auto layers = static_cast<int64_t>(spec.blocks.size());
  MaskNetwork::Shape shape{.width = spec.width, .experts = experts};
  for (int64_t layer = 0; layer < layers; ++layer) shape.neurons.push_back(dense_ffn(spec, layer).width);
  masked.network = std::make_shared<MaskNetwork>(shape, seed);
  for (auto& parameter : masked.model->parameters()) parameter.set_requires_grad(false);
  for (int64_t layer = 0; layer < layers; ++layer) {
    // Tensors are those that the model registered, so that a change of them would be seen.
    const FfnWeights weights = ffn_at(state_of(*masked.model), ffn_prefix(layer));
    auto shared = std::shared_ptr<MaskLayer>(masked.network, &masked.network->layer(layer));
    masked.ffns.push_back(std::make_shared<MaskedFfn>(weights, dense_ffn(spec, layer).activation, shared));
    masked.model->block(layer).set_ffn(masked.ffns.back());
  }
  return masked;
}

namespace {

// One hard mask per expert with fresh noise, for the terms about widths and coverage.
std::vector<torch::Tensor> sample_masks(MaskNetwork& network, const torch::Tensor& embeddings) {
  std::vector<torch::Tensor> masks;
  for (int64_t layer = 0; layer < network.layers(); ++layer) {
    const torch::Tensor logits = network.layer(layer).mask_logits(embeddings[layer]);
    masks.push_back(straight_through_sigmoid(logits, gumbel_noise(logits), mask_temperature));
  }
  return masks;
}

torch::Tensor mean_balance_loss(const MaskedModel& masked) {
  std::vector<torch::Tensor> terms;
  for (const auto& ffn : masked.ffns) terms.push_back(balance_loss(ffn->last_logits, ffn->last_choice));
  return torch::stack(terms).mean();
}

}  // namespace

MaskTrainingResult train_masks(MaskedModel& masked, const Calibration& text, const MaskTraining& training,
                               const std::string& title) {
  torch::manual_seed(training.seed);
  Rng rng = Rng(training.seed).fork("batches");
  torch::optim::AdamW optimizer(
      masked.network->parameters(),
      torch::optim::AdamWOptions(training.learning_rate).weight_decay(training.weight_decay));
  Progress progress(title, training.steps, "steps");
  MaskTrainingResult result;
  double tenth = 0;
  int64_t tenth_steps = 0;
  const int64_t last = std::max<int64_t>(1, training.steps / 10);
  for (int64_t step = 0; step < training.steps; ++step) {
    const torch::Tensor ids = text.sample(training.batch, rng);
    masked.set_masking(Masking::off);
    torch::Tensor teacher;
    {
      const torch::NoGradGuard no_grad;
      teacher = masked.model->forward(ids);
    }
    masked.set_masking(Masking::sampled);
    const torch::Tensor embeddings = masked.network->embeddings();
    for (size_t layer = 0; layer < masked.ffns.size(); ++layer)
      masked.ffns[layer]->embedding = embeddings[static_cast<int64_t>(layer)];
    const torch::Tensor kl = distillation_loss(teacher, masked.model->forward(ids));
    const auto masks = sample_masks(*masked.network, embeddings);
    const torch::Tensor ratio = active_ratio(masks);
    const double ratio_weight = training.ratio_weight + training.ratio_ramp * static_cast<double>(step);
    torch::Tensor divergence = training.kl_weight * kl;
    torch::Tensor loss = divergence + ratio_weight * ratio_loss(ratio, training.active);
    if (masks.front().size(0) > 1)  // one static mask has nothing to cover or to balance
      loss = loss + divergence.detach() * (training.union_weight * union_loss(masks) +
                                           training.balance_weight * mean_balance_loss(masked));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();

    tenth += kl.item<double>();
    ++tenth_steps;
    if (step >= training.steps - last) {
      result.kl += kl.item<double>() / static_cast<double>(last);
      result.ratio += ratio.item<double>() / static_cast<double>(last);
    }
    if (tenth_steps == last || step + 1 == training.steps) {
      result.kl_curve.push_back(tenth / static_cast<double>(tenth_steps));
      tenth = 0;
      tenth_steps = 0;
    }
    progress.advance(1, fmt::format("KL {:.4f}, active {:.3f}", kl.item<double>(), ratio.item<double>()));
  }
  for (auto& ffn : masked.ffns) {
    ffn->embedding.reset();
    ffn->last_logits.reset();
  }
  masked.set_masking(Masking::off);
  return result;
}

}  // namespace coppice::lab
