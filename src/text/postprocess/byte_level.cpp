#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

struct ByteLevelOptions {
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;
  static void fields(auto& self, auto&& field) {
    field("add_prefix_space", self.add_prefix_space, Field{.help = "concerns encoding only"});
    field("trim_offsets", self.trim_offsets, Field{.help = "leave white space out of offsets"});
    field("use_regex", self.use_regex, Field{.help = "concerns encoding only"});
  }
};

}  // namespace

std::unique_ptr<PostProcessor> make_byte_level_post_processor(const Json& json, const std::string& where) {
  auto processor = std::make_unique<PostProcessor>();
  processor->trims_offsets = read_options<ByteLevelOptions>(json, where).trim_offsets;
  return processor;
}

}  // namespace coppice
