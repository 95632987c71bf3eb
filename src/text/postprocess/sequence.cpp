#include "text/postprocess/post_processor.h"

namespace coppice {

// One of the parts may add tokens; the others concern offsets.
std::unique_ptr<PostProcessor> make_sequence_post_processor(const Json& json, const std::string& where) {
  auto all = std::make_unique<PostProcessor>();
  for (const auto& part : make_sequence(post_processors(), json, "processors", where)) {
    all->trims_offsets = all->trims_offsets || part->trims_offsets;
    if (!part->adds_tokens()) continue;
    if (all->adds_tokens())
      throw Error({.where = where, .found = "two processors that add tokens", .expected = "one"});
    all->single = part->single;
    all->pair = part->pair;
  }
  return all;
}

}  // namespace coppice
