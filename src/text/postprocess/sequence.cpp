#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

class SequencePostProcessor : public PostProcessor {
 public:
  explicit SequencePostProcessor(std::vector<std::unique_ptr<PostProcessor>> parts)
      : parts_(std::move(parts)) {}

  std::vector<TokenId> apply(std::vector<TokenId> ids) const override {
    for (const auto& part : parts_) ids = part->apply(std::move(ids));
    return ids;
  }
  void list_added(std::vector<TokenId>& ids) const override {
    for (const auto& part : parts_) part->list_added(ids);
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

}  // namespace

std::unique_ptr<PostProcessor> make_sequence_post_processor(const Json& json, const std::string& where) {
  return std::make_unique<SequencePostProcessor>(make_sequence(post_processors(), json, "processors", where));
}

}  // namespace coppice
