#include <algorithm>

#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}

  void apply(Rewrite& rewrite) const override {
    TracedText current{std::string(rewrite.source()), {}};
    if (rewrite.traces()) current.origins = same_origins(0, current.text.size());
    for (const auto& part : parts_)
      current = rewritten(current, [&part](Rewrite& step) { part->apply(step); });
    rewrite.replace(std::move(current.text), std::move(current.origins));
  }

  bool keeps_bytes() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->keeps_bytes(); });
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::unique_ptr<Normalizer> make_sequence_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<SequenceNormalizer>(make_sequence(normalizers(), json, "normalizers", where));
}

}  // namespace coppice
