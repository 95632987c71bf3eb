#include "lab/nn/dispatch.h"

namespace coppice::lab {
namespace {

class PermuteRows : public torch::autograd::Function<PermuteRows> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& order, const torch::Tensor& inverse) {
    context->save_for_backward({inverse});
    return x.index_select(0, order);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {gradients[0].index_select(0, context->get_saved_variables()[0]), {}, {}};
  }
};

}  // namespace

torch::Tensor permute_rows(const torch::Tensor& x, const torch::Tensor& order, const torch::Tensor& inverse) {
  return PermuteRows::apply(x, order, inverse);
}

Grouping group_by_expert(const torch::Tensor& experts, int64_t expert_count) {
  const torch::Tensor flat = experts.flatten().contiguous();
  const auto* chosen = flat.data_ptr<int64_t>();
  const int64_t pairs = flat.numel();

  Grouping grouping{torch::empty({pairs}, torch::kInt64), torch::empty({pairs}, torch::kInt64),
                    std::vector<int64_t>(static_cast<size_t>(expert_count), 0)};
  for (int64_t i = 0; i < pairs; ++i) ++grouping.counts[static_cast<size_t>(chosen[i])];
  std::vector<int64_t> next(grouping.counts.size(), 0);
  for (size_t e = 1; e < next.size(); ++e) next[e] = next[e - 1] + grouping.counts[e - 1];

  auto* order = grouping.order.data_ptr<int64_t>();
  auto* inverse = grouping.inverse.data_ptr<int64_t>();
  for (int64_t i = 0; i < pairs; ++i) {
    const int64_t place = next[static_cast<size_t>(chosen[i])]++;
    order[place] = i;
    inverse[i] = place;
  }
  return grouping;
}

}  // namespace coppice::lab
