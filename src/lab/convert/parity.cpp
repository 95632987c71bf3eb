#include "lab/convert/parity.h"

#include <algorithm>
#include <cstring>

namespace coppice::lab {

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  COPPICE_CHECK(a.sizes() == b.sizes());
  if (a.numel() == 0) return 0;
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

ParityClaim same_logits(const std::string& what, LanguageModel& expected, LanguageModel& actual,
                        const torch::Tensor& windows, double tolerance) {
  const torch::NoGradGuard no_grad;
  const int64_t count = std::clamp<int64_t>(1024 / windows.size(1), 1, windows.size(0));
  const torch::Tensor ids = windows.slice(0, 0, count).slice(1, 0, std::min<int64_t>(1024, windows.size(1)));
  const torch::Tensor want = expected.forward(ids);
  const double scale = std::max(1.0, want.abs().max().item<double>());
  return {.what = what,
          .difference = largest_difference(want, actual.forward(ids)),
          .tolerance = tolerance * scale};
}

int64_t differing_bytes(const StateDict& a, const StateDict& b) {
  int64_t count = 0;
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.sizes() != tensor.sizes()) continue;
    const torch::Tensor x = tensor.contiguous(), y = other->second.contiguous();
    if (x.nbytes() != y.nbytes()) {
      count += static_cast<int64_t>(x.nbytes());
      continue;
    }
    const auto* left = static_cast<const uint8_t*>(x.data_ptr());
    const auto* right = static_cast<const uint8_t*>(y.data_ptr());
    if (std::memcmp(left, right, x.nbytes()) == 0) continue;
    for (size_t i = 0; i < x.nbytes(); ++i) count += left[i] != right[i];
  }
  return count;
}

void require_parity(const std::vector<ParityClaim>& claims, const std::string& where) {
  std::string failed;
  for (const auto& claim : claims)
    if (!claim.held())
      failed += fmt::format("{}{} (differs by {:.3g}, allowed {:.3g})", failed.empty() ? "" : "; ",
                            claim.what, claim.difference, claim.tolerance);
  if (!failed.empty())
    throw Error({.where = where,
                 .found = "does not hold: " + failed,
                 .expected = "what the conversion promises to be exact",
                 .advice = "nothing was written; check the dense model for NaN or huge weights"});
}

}  // namespace coppice::lab
