// The mixture of experts against its definition, token by token and expert by expert.

#include "lab/nn/moe_ffn.h"

#include <algorithm>
#include <numeric>

#include "lab/gradient_check.h"
#include "lab/nn/activation.h"
#include "lab/tiny_models.h"

namespace coppice::test {
namespace {

using lab::StateDict;

constexpr int64_t width = 16;

std::shared_ptr<lab::FeedForward> random_ffn(const MoeSpec& spec, uint64_t seed) {
  torch::manual_seed(seed);
  auto ffn = lab::make_ffn(spec, width);
  const torch::NoGradGuard no_gradient;
  // Module::to(kDouble) would turn neuron lists into floating point as well.
  const auto fill = [](torch::Tensor tensor, double deviation) {
    if (tensor.is_floating_point()) tensor.set_data(torch::randn(tensor.sizes(), torch::kDouble) * deviation);
  };
  for (const auto& parameter : ffn->parameters()) fill(parameter, 0.4);
  for (const auto& buffer : ffn->buffers()) fill(buffer, 0.2);
  return ffn;
}

StateDict tensors_of(const torch::nn::Module& module) {
  StateDict tensors;
  for (const auto& entry : module.named_parameters()) tensors[entry.key()] = entry.value().detach();
  for (const auto& entry : module.named_buffers()) tensors[entry.key()] = entry.value();
  return tensors;
}

torch::Tensor bank(const MoeSpec& spec, const StateDict& t, const std::string& prefix, const torch::Tensor& x,
                   const torch::Tensor& neurons = {}) {
  const auto rows = [&](const char* name) {
    const torch::Tensor w = t.at(prefix + name);
    return neurons.defined() ? w.index_select(0, neurons.to(torch::kInt64)) : w;
  };
  torch::Tensor hidden = torch::mv(rows("up_proj.weight"), x);
  hidden = spec.gated ? lab::activate(spec.activation, torch::mv(rows("gate_proj.weight"), x)) * hidden
                      : lab::activate(spec.activation, hidden);
  const torch::Tensor down = t.at(prefix + "down_proj.weight");
  return torch::mv(neurons.defined() ? down.index_select(1, neurons.to(torch::kInt64)) : down, hidden);
}

std::vector<size_t> highest(const std::vector<double>& values, int64_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
  order.resize(static_cast<size_t>(count));
  return order;
}

// The experts that the rule of groups selects, by their ranks.
std::vector<size_t> selected(const MoeSpec& spec, std::vector<double> rank) {
  const RouterSpec& router = spec.router;
  if (router.group_rule == GroupRule::none) return highest(rank, spec.top_k);
  const size_t size = rank.size() / static_cast<size_t>(router.groups);
  std::vector<double> worth;
  std::vector<size_t> each;
  for (size_t begin = 0; begin < rank.size(); begin += size) {
    const std::vector<double> own(rank.begin() + static_cast<std::ptrdiff_t>(begin),
                                  rank.begin() + static_cast<std::ptrdiff_t>(begin + size));
    const auto best = highest(own, static_cast<int64_t>(size));
    worth.push_back(own[best[0]] + (router.group_rule == GroupRule::best_two ? own[best[1]] : 0));
    for (int64_t i = 0; i < spec.top_k / router.groups; ++i)
      each.push_back(begin + best[static_cast<size_t>(i)]);
  }
  if (router.group_rule == GroupRule::each) return each;
  const auto kept = highest(worth, router.kept_groups);
  for (size_t e = 0; e < rank.size(); ++e)
    if (std::find(kept.begin(), kept.end(), e / size) == kept.end()) rank[e] = -INFINITY;
  return highest(rank, spec.top_k);
}

// y of one token, as spec.h defines it.
torch::Tensor by_definition(const MoeSpec& spec, const StateDict& t, const torch::Tensor& x) {
  torch::Tensor logits;
  switch (spec.router.source) {
    case RouterSource::linear:
      logits = torch::mv(t.at("gate.weight"), x);
      break;
    case RouterSource::mlp_tanh:
      logits = torch::mv(t.at("gate.output.weight"), torch::tanh(torch::mv(t.at("gate.hidden.weight"), x)));
      break;
    case RouterSource::neurons:
      logits = (torch::mv(t.at("gate.up.weight"), x) *
                lab::activate(spec.activation, torch::mv(t.at("gate.gate.weight"), x)))
                   .abs();
      break;
    case RouterSource::sparsity: {
      std::vector<torch::Tensor> shares;
      for (int64_t e = 0; e < spec.experts(); ++e) {
        const torch::Tensor up = t.at(fmt::format("experts.{}.up_proj.weight", e));
        const torch::Tensor mean = up.mean(0), centred = up - mean;
        shares.push_back((1 + torch::erf((mean * x).sum() /
                                         torch::sqrt(2 * ((centred * centred).mean(0) * x * x).sum()))) /
                         2);
      }
      logits = -torch::stack(shares);
      break;
    }
    case RouterSource::word:
      COPPICE_CHECK(false, "mixtures() look at the input");
  }
  if (spec.router.score == RouterScore::relu_norm) {
    const torch::Tensor fired = logits.clamp_min(0);
    logits = fired / torch::sqrt(fired.square().mean() + spec.router.norm_epsilon) * t.at("gate.norm.weight");
  }
  std::vector<double> score(static_cast<size_t>(spec.experts())), rank(score.size());
  const torch::Tensor scored = spec.router.score == RouterScore::softmax   ? torch::softmax(logits, 0)
                               : spec.router.score == RouterScore::sigmoid ? torch::sigmoid(logits)
                                                                           : logits;
  for (size_t e = 0; e < score.size(); ++e) {
    score[e] = scored[static_cast<int64_t>(e)].item<double>();
    rank[e] = score[e] + (spec.router.selection_bias
                              ? t.at("gate.selection_bias")[static_cast<int64_t>(e)].item<double>()
                              : 0);
  }
  const auto order = selected(spec, rank);
  double sum = 0;
  for (const size_t e : order) sum += score[e];

  torch::Tensor y = torch::zeros({width}, torch::kDouble);
  if (spec.shared_width > 0) y = y + bank(spec, t, "shared_expert.", x);
  std::vector<bool> taken(score.size(), false);
  for (const size_t e : order) {
    double weight = 1;
    if (spec.router.weight == ExpertWeight::survivors) {
      double total = 0;
      for (size_t z = 0; z < score.size(); ++z)
        if (!taken[z] &&
            score[e] - score[z] <= 2 * spec.router.jitter * std::max(std::abs(score[z]), score[e]))
          total += std::exp(score[z] - score[e]);
      weight = 1 / total;
      taken[e] = true;
    }
    if (spec.router.weight == ExpertWeight::score) weight = score[e];
    if (spec.router.weight == ExpertWeight::renormalised) weight = score[e] / sum;
    if (spec.router.weight == ExpertWeight::scaled)
      weight = score[e] * t.at("gate.scale")[static_cast<int64_t>(e)].item<double>();
    if (spec.router.weight == ExpertWeight::one_plus)
      weight = 1 + score[e] * t.at("gate.scale")[static_cast<int64_t>(e)].item<double>();
    const std::string name = std::to_string(e);
    const torch::Tensor out = spec.storage == ExpertStorage::separate
                                  ? bank(spec, t, "experts." + name + ".", x)
                                  : bank(spec, t, "", x, t.at("expert_neurons." + name));
    y = y + spec.router.scale * weight * out;
  }
  return y;
}

TEST(MoeFfn, EqualsItsDefinition) {
  for (const auto& [name, spec] : mixtures()) {
    const auto ffn = random_ffn(spec, 11);
    const torch::Tensor x = random_leaf({3, 5, width}, 12).detach();
    const torch::Tensor y = ffn->forward(x);
    const StateDict tensors = tensors_of(*ffn);
    for (int64_t row = 0; row < 15; ++row) {
      const torch::Tensor expected = by_definition(spec, tensors, x.view({15, width})[row]);
      EXPECT_TRUE(torch::allclose(y.view({15, width})[row], expected, 1e-10, 1e-12))
          << name << ", row " << row;
    }
  }
}

TEST(MoeFfn, GradientsAreFiniteDifferences) {
  for (const auto& [name, spec] : mixtures()) {
    SCOPED_TRACE(name);
    const auto ffn = random_ffn(spec, 21);
    std::vector<torch::Tensor> inputs = {random_leaf({4, width}, 22)};
    for (const auto& parameter : ffn->parameters())
      if (parameter.numel() > 0 && parameter.numel() <= 64) inputs.push_back(parameter);
    expect_gradients_match([&] { return ffn->forward(inputs[0]); }, inputs);
  }
}

TEST(MoeFfn, AllExpertsActiveEqualTheDenseFfnThatTheyPartition) {
  const auto dense = std::make_shared<lab::DenseFfn>(DenseFfnSpec{.width = 12}, width);
  dense->to(torch::kDouble);
  const StateDict whole = tensors_of(*dense);
  const MoeSpec spec{.widths = {5, 0, 4, 3}, .top_k = 4, .router = {.weight = ExpertWeight::one}};
  const auto moe = random_ffn(spec, 31);
  const torch::NoGradGuard no_gradient;
  int64_t begin = 0;
  StateDict parts = tensors_of(*moe);
  for (size_t e = 0; e < spec.widths.size(); ++e) {
    const std::string prefix = fmt::format("experts.{}.", e);
    for (const char* name : {"gate_proj.weight", "up_proj.weight"})
      parts[prefix + name].copy_(whole.at(name).narrow(0, begin, spec.widths[e]));
    parts[prefix + "down_proj.weight"].copy_(whole.at("down_proj.weight").narrow(1, begin, spec.widths[e]));
    begin += spec.widths[e];
  }
  const torch::Tensor x = random_leaf({7, width}, 32).detach();
  EXPECT_TRUE(torch::allclose(moe->forward(x), dense->forward(x), 1e-10, 1e-12));
}

TEST(MoeFfn, AnExpertWithoutTokensHasNoGradient) {
  const MoeSpec spec{.widths = {4, 4, 4}, .top_k = 1};
  const auto ffn = random_ffn(spec, 41);
  {
    const torch::NoGradGuard no_gradient;
    ffn->named_parameters()["gate.weight"].zero_();  // equal scores: the lowest index wins
  }
  ffn->forward(random_leaf({6, width}, 42)).sum().backward();
  EXPECT_TRUE(ffn->named_parameters()["experts.0.up_proj.weight"].grad().defined());
  EXPECT_FALSE(ffn->named_parameters()["experts.1.up_proj.weight"].grad().defined());
}

}  // namespace
}  // namespace coppice::test
