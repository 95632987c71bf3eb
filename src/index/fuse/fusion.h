#pragma once
// One ranking out of several.
//
//   rrf      score(d) = sum over lists i that have d of  w_i / (c + rank_i(d))          (Cormack et al. 2009; c = 60)
//   sum      score(d) = sum over lists i of  w_i * n_i(score_i(d))
//   product  score(d) = product over lists i of  max(0, n_i(score_i(d)))^w_i             (LaPraDoR, Xu et al. 2022)
//
// n_i leaves scores as they are, brings those of a list to [0, 1] (minmax), or to mean 0 and variance 1 (z). A document
// that a list does not have counts there as the list's last one if scores are normalised, else as one of score 0. A list of
// weight 0 counts as if it were not there, and if only one list has a weight the result is that list, with its scores.

#include <span>
#include <vector>

#include "base/fields.h"
#include "format/trec.h"

namespace coppice {

enum class FuseMethod { rrf, sum, product };
template <>
struct EnumNames<FuseMethod> {
  static constexpr auto values = std::to_array<std::pair<FuseMethod, const char*>>(
      {{FuseMethod::rrf, "rrf"}, {FuseMethod::sum, "sum"}, {FuseMethod::product, "product"}});
};

enum class Normalization { none, minmax, z };
template <>
struct EnumNames<Normalization> {
  static constexpr auto values = std::to_array<std::pair<Normalization, const char*>>(
      {{Normalization::none, "none"}, {Normalization::minmax, "minmax"}, {Normalization::z, "z"}});
};

struct FusionSpec {
  FuseMethod method = FuseMethod::rrf;
  std::optional<Normalization> normalization;  // else minmax for sums, none for products
  std::vector<double> weights;                 // of each list; empty: 1
  double rank_constant = 60;

  Normalization normalized() const {
    return normalization.value_or(method == FuseMethod::sum ? Normalization::minmax : Normalization::none);
  }
  static void fields(auto& self, auto&& field) {
    field("fuse", self.method,
          Field{.help = "how rankings become one: by ranks, by sums or products of scores"});
    field("normalize", self.normalization,
          Field{.help = "how scores of a ranking are made comparable: none, minmax or z (default: minmax for "
                        "sums, none for products)"});
    field("weights", self.weights,
          Field{.help = "weight of each ranking, as 1,0.5; 0 leaves it out (default: 1 each)",
                .min = 0,
                .value_name = "N,…"});
    field("rank_constant", self.rank_constant, Field{.help = "rrf: added to every rank", .min = 0});
  }
};

// What each list adds to one document of the result.
struct FusedPart {
  size_t rank = 0;  // in the list, from 1; 0: the list does not have it
  double score = 0, normalized = 0;
  double counts = 0;  // the term of the sum, or the factor of the product
};

struct FusedDoc {
  std::string_view doc;
  double score = 0;
  std::vector<FusedPart> parts;  // of every list; empty unless asked for
};

// Lists are ranked, best first, and have each document once. The k best, in trec_eval's order. An Error of usage if there
// are weights, but not one for each list, or all are 0.
std::vector<FusedDoc> fuse(std::span<const std::vector<RunDoc>> lists, const FusionSpec& spec, size_t k,
                           bool explain = false);

}  // namespace coppice
