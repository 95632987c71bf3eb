#include "lab/train/adamw.h"

#include <cmath>

namespace coppice::lab {
namespace {

// The factors of one tensor's update, bias corrections folded in.
struct Factors {
  double shrink, rate, root_correction, beta1, beta2, epsilon, gradient_scale;
};

template <class Real>
void update(torch::Tensor& parameter, torch::Tensor& mean, torch::Tensor& square,
            const torch::Tensor& gradient, const Factors& f) {
  auto* p = parameter.data_ptr<Real>();
  auto* m = mean.data_ptr<Real>();
  auto* v = square.data_ptr<Real>();
  const auto* g = gradient.data_ptr<Real>();
  const auto shrink = static_cast<Real>(f.shrink), rate = static_cast<Real>(f.rate),
             root = static_cast<Real>(f.root_correction);
  const auto b1 = static_cast<Real>(f.beta1), b2 = static_cast<Real>(f.beta2),
             epsilon = static_cast<Real>(f.epsilon);
  const auto scale = static_cast<Real>(f.gradient_scale);
  constexpr int64_t grain = 1 << 15;
  at::parallel_for(0, parameter.numel(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Real scaled = g[i] * scale;
      m[i] = b1 * m[i] + (1 - b1) * scaled;
      v[i] = b2 * v[i] + (1 - b2) * scaled * scaled;
      p[i] = p[i] * shrink - rate * m[i] / (std::sqrt(v[i]) * root + epsilon);
    }
  });
}

}  // namespace

AdamW::AdamW(const torch::OrderedDict<std::string, torch::Tensor>& parameters, const TrainingOptions& options)
    : beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon),
      weight_decay_(options.weight_decay) {
  for (const auto& entry : parameters) {
    const torch::Tensor& parameter = entry.value();
    if (!parameter.requires_grad() || parameter.numel() == 0) continue;
    slots_.push_back({.name = entry.key(),
                      .parameter = parameter,
                      .mean = torch::zeros_like(parameter, torch::MemoryFormat::Contiguous),
                      .square = torch::zeros_like(parameter, torch::MemoryFormat::Contiguous),
                      .decays = parameter.dim() > 1});
  }
}

void AdamW::step(double learning_rate, double gradient_scale) {
  const torch::NoGradGuard no_gradient;
  for (auto& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    ++slot.steps;
    const auto steps = static_cast<double>(slot.steps);
    const Factors factors{.shrink = slot.decays ? 1 - learning_rate * weight_decay_ : 1.0,
                          .rate = learning_rate / (1 - std::pow(beta1_, steps)),
                          .root_correction = 1 / std::sqrt(1 - std::pow(beta2_, steps)),
                          .beta1 = beta1_,
                          .beta2 = beta2_,
                          .epsilon = epsilon_,
                          .gradient_scale = gradient_scale};
    const torch::Tensor gradient = slot.parameter.grad().contiguous();
    COPPICE_CHECK(slot.parameter.is_contiguous(), slot.name);
    AT_DISPATCH_FLOATING_TYPES(slot.parameter.scalar_type(), "adamw", [&] {
      update<scalar_t>(slot.parameter, slot.mean, slot.square, gradient, factors);
    });
  }
}

void AdamW::clear_gradients() {
  for (auto& slot : slots_) slot.parameter.mutable_grad() = torch::Tensor();
}

double AdamW::gradient_norm() const {
  double sum = 0;
  for (const auto& slot : slots_) {
    const torch::Tensor& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    const double norm = gradient.norm().item<double>();
    sum += norm * norm;
  }
  return std::sqrt(sum);
}

}  // namespace coppice::lab
