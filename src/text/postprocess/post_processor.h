#pragma once
// Post-processors add a model's own tokens (<s>, </s>, …) to an encoded text. One file each;
// `post_processors()` is the list.

#include <memory>
#include <string>
#include <vector>

#include "text/component.h"
#include "text/vocabulary.h"

namespace coppice {

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual std::vector<TokenId> apply(std::vector<TokenId> ids) const = 0;
  // Appends the ids that it may add, so that they can be checked against the vocabulary.
  virtual void list_added(std::vector<TokenId>& ids) const = 0;
};

const Registry<ComponentMaker<PostProcessor>>& post_processors();

std::unique_ptr<PostProcessor> make_sequence_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_template_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_byte_level_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_cls_sep_post_processor(const Json& json, const std::string& where);

}  // namespace coppice
