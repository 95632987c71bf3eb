#include <algorithm>

#include "text/postprocess/post_processor.h"

namespace coppice {

bool PostProcessor::adds_tokens() const {
  const auto adds = [](const TemplatePart& part) { return part.text == Encoding::added; };
  return std::any_of(single.begin(), single.end(), adds) || std::any_of(pair.begin(), pair.end(), adds);
}

const Registry<ComponentMaker<PostProcessor>>& post_processors() {
  static const Registry<ComponentMaker<PostProcessor>> all(
      "post-processor", {
                            {"Sequence", make_sequence_post_processor},
                            {"TemplateProcessing", make_template_post_processor},
                            {"ByteLevel", make_byte_level_post_processor},
                            {"BertProcessing", make_bert_post_processor},
                            {"RobertaProcessing", make_roberta_post_processor},
                        });
  return all;
}

}  // namespace coppice
