#include "lab/nn/moe_ffn.h"

#include "lab/nn/dispatch.h"

namespace coppice::lab {
namespace {

// Fresh lists: consecutive neurons of the bank, each list beginning where the one before ended.
torch::Tensor consecutive_neurons(int64_t begin, int64_t count, int64_t dense_width) {
  const torch::Tensor list =
      torch::arange(begin, begin + count, torch::kInt64).remainder(std::max<int64_t>(1, dense_width));
  return std::get<0>(list.sort()).to(torch::kInt32);
}

}  // namespace

MoeFfn::MoeFfn(const MoeSpec& spec, int64_t width) : spec_(spec) {
  router_ = register_module("gate", std::make_shared<Router>(spec, width));
  const auto like = [&spec](int64_t neurons) {
    return DenseFfnSpec{.width = neurons, .gated = spec.gated, .bias = false, .activation = spec.activation};
  };
  if (spec.storage == ExpertStorage::separate) {
    const auto group = register_module("experts", std::make_shared<Group>());
    for (int64_t e = 0; e < spec.experts(); ++e) {
      const auto expert = group->register_module(std::to_string(e), std::make_shared<Group>());
      experts_.emplace_back(*expert, width, like(spec.widths[static_cast<size_t>(e)]));
    }
  } else {
    bank_.emplace(*this, width, like(spec.dense_width));
    const auto lists = register_module("expert_neurons", std::make_shared<Group>());
    int64_t begin = 0;
    for (int64_t e = 0; e < spec.experts(); ++e) {
      const int64_t count = spec.widths[static_cast<size_t>(e)];
      neurons_.push_back(
          lists->register_buffer(std::to_string(e), consecutive_neurons(begin, count, spec.dense_width)));
      begin += count;
    }
  }
  if (spec.router.source == RouterSource::sparsity)
    for (const auto& expert : experts_) router_->up_projections.push_back(expert.up_weight());
  if (spec.shared_width > 0)
    shared_ = register_module("shared_expert", std::make_shared<DenseFfn>(like(spec.shared_width), width));
  if (spec.shared_gate)
    shared_gate_ = register_module("shared_expert_gate", std::make_shared<Linear>(width, 1));
}

torch::Tensor MoeFfn::forward(const torch::Tensor& x, const torch::Tensor& words) {
  const torch::Tensor rows = x.reshape({-1, x.size(-1)});
  routing_ = router_->forward(rows, words);
  torch::Tensor y = spec_.storage == ExpertStorage::separate ? separate(rows) : indexed(rows);
  if (shared_ != nullptr) {
    torch::Tensor shared = shared_->forward(rows);
    if (shared_gate_ != nullptr) shared = torch::sigmoid(shared_gate_->forward(rows)) * shared;
    y = y + shared;
  }
  return y.view(x.sizes());
}

torch::Tensor MoeFfn::separate(const torch::Tensor& x) const {
  const int64_t rows = x.size(0), width = x.size(1), top_k = spec_.top_k;
  const Grouping grouping = group_by_expert(routing_.experts, spec_.experts());
  const torch::Tensor pairs = x.unsqueeze(1).expand({rows, top_k, width}).reshape({rows * top_k, width});
  const std::vector<torch::Tensor> inputs =
      permute_rows(pairs, grouping.order, grouping.inverse).split_with_sizes(grouping.counts, 0);

  std::vector<torch::Tensor> outputs;
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (grouping.counts[e] == 0) continue;
    outputs.push_back(spec_.widths[e] == 0 ? torch::zeros_like(inputs[e]) : experts_[e].forward(inputs[e]));
  }
  const torch::Tensor results = permute_rows(torch::cat(outputs, 0), grouping.inverse, grouping.order);
  return (results.view({rows, top_k, width}) * routing_.weights.unsqueeze(2)).sum(1);
}

// Every neuron of the bank is multiplied by the sum of the weights of the selected experts that list it,
// which equals the sum over experts and needs two full products instead of many gathered ones.
torch::Tensor MoeFfn::indexed(const torch::Tensor& x) {
  const torch::Tensor membership = torch::zeros({spec_.experts(), spec_.dense_width}, x.options());
  for (int64_t e = 0; e < spec_.experts(); ++e)
    membership[e].index_fill_(0, neurons_[static_cast<size_t>(e)].to(torch::kInt64), 1);
  const torch::Tensor weights =
      torch::zeros({x.size(0), spec_.experts()}, x.options()).scatter(1, routing_.experts, routing_.weights);
  return bank_->down(bank_->hidden(x) * torch::matmul(weights, membership));
}

std::shared_ptr<FeedForward> make_ffn(const FfnSpec& spec, int64_t width) {
  if (const auto* moe = std::get_if<MoeSpec>(&spec)) return std::make_shared<MoeFfn>(*moe, width);
  return std::make_shared<DenseFfn>(std::get<DenseFfnSpec>(spec), width);
}

}  // namespace coppice::lab
