#include "text/postprocess/post_processor.h"

namespace coppice {

const Registry<ComponentMaker<PostProcessor>>& post_processors() {
  static const Registry<ComponentMaker<PostProcessor>> all(
      "post-processor", {
                            {"Sequence", make_sequence_post_processor},
                            {"TemplateProcessing", make_template_post_processor},
                            {"ByteLevel", make_byte_level_post_processor},
                            {"BertProcessing", make_cls_sep_post_processor},
                            {"RobertaProcessing", make_cls_sep_post_processor},
                        });
  return all;
}

}  // namespace coppice
