#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

struct ByteLevelOptions {
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;
  static void fields(auto& self, auto&& field) {
    field("add_prefix_space", self.add_prefix_space, Field{.help = "concerns offsets only"});
    field("trim_offsets", self.trim_offsets, Field{.help = "concerns offsets only"});
    field("use_regex", self.use_regex, Field{.help = "concerns encoding only"});
  }
};

// Trims offsets, which we do not give: the ids stay as they are.
class ByteLevelPostProcessor : public PostProcessor {
 public:
  std::vector<TokenId> apply(std::vector<TokenId> ids) const override { return ids; }
  void list_added(std::vector<TokenId>&) const override {}
};

}  // namespace

std::unique_ptr<PostProcessor> make_byte_level_post_processor(const Json& json, const std::string& where) {
  read_options<ByteLevelOptions>(json, where);
  return std::make_unique<ByteLevelPostProcessor>();
}

}  // namespace coppice
