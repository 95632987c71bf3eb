#include "model/decode_speed.h"

#include <algorithm>
#include <chrono>

#include "base/rng.h"
#include "model/kv_cache.h"

namespace coppice {
namespace {

double one_round(Decoder& model, std::span<const int32_t> ids) {
  const auto cache = model.new_cache();
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < ids.size(); ++i) {
    const Decoder::Input input = {.tokens = ids.subspan(i, 1), .cache = cache.get()};
    model.forward(std::span(&input, 1));
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return static_cast<double>(ids.size()) / std::max(elapsed.count(), 1e-9);
}

}  // namespace

std::vector<double> decode_tokens_per_second(std::span<Decoder* const> models,
                                             const DecodeSpeedOptions& options) {
  if (models.empty()) return {};
  int64_t length = options.tokens, vocabulary = models[0]->spec().vocabulary;
  for (const Decoder* model : models) {
    length = std::min(length, model->spec().context);
    vocabulary = std::min(vocabulary, model->spec().vocabulary);
  }
  Rng rng(1);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < length; ++i)
    ids.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocabulary))));

  std::vector<std::vector<double>> speeds(models.size());
  for (int64_t round = 0; round <= options.rounds; ++round)
    for (size_t m = 0; m < models.size(); ++m) {
      const double speed = one_round(*models[m], ids);
      if (round > 0) speeds[m].push_back(speed);
    }
  std::vector<double> medians;
  for (auto& of_model : speeds) {
    std::nth_element(of_model.begin(), of_model.begin() + static_cast<std::ptrdiff_t>(of_model.size() / 2),
                     of_model.end());
    medians.push_back(of_model[of_model.size() / 2]);
  }
  return medians;
}

}  // namespace coppice
