#pragma once
// Post-processors put a model's own tokens (<s>, </s>, [CLS], …) around an encoded text or a pair of texts. One
// file each; `post_processors()` is the list.

#include <memory>
#include <string>
#include <vector>

#include "text/component.h"
#include "text/encoding.h"

namespace coppice {

// All kinds come down to two templates.
struct PostProcessor {
  std::vector<TemplatePart> single = {{.text = 0}};
  std::vector<TemplatePart> pair = {{.text = 0}, {.text = 1, .type = 1}};
  bool trims_offsets = false;  // offsets of a token leave out the spaces at its ends

  bool adds_tokens() const;
};

const Registry<ComponentMaker<PostProcessor>>& post_processors();

std::unique_ptr<PostProcessor> make_sequence_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_template_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_byte_level_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_bert_post_processor(const Json& json, const std::string& where);
std::unique_ptr<PostProcessor> make_roberta_post_processor(const Json& json, const std::string& where);

}  // namespace coppice
