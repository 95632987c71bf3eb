#include <algorithm>

#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::unique_ptr<PreTokenizer>> parts)
      : parts_(std::move(parts)) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    std::vector<Piece> current{std::move(piece)}, next;
    for (const auto& part : parts_) {
      next.clear();
      for (auto& each : current) part->cut(std::move(each), next);
      current.swap(next);
    }
    std::move(current.begin(), current.end(), std::back_inserter(parts));
  }

  bool keeps_bytes() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->keeps_bytes(); });
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_sequence_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<SequencePreTokenizer>(
      make_sequence(pre_tokenizers(), json, "pretokenizers", where));
}

}  // namespace coppice
