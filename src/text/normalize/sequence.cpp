#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}

  std::string apply(std::string_view text) const override {
    std::string result(text);
    for (const auto& part : parts_) result = part->apply(result);
    return result;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::unique_ptr<Normalizer> make_sequence_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<SequenceNormalizer>(make_sequence(normalizers(), json, "normalizers", where));
}

}  // namespace coppice
