// BERT (Devlin et al. 2018): learned positions and segments, attention both ways, a LayerNorm behind every
// sum.

#include "model/arch/bert_shape.h"

namespace coppice {
namespace {

// The head's activation is that of the blocks.
EncoderTop bert_top(const ModelSpec& spec) {
  return {.name = "Bert",
          .head_activation = std::get<DenseFfnSpec>(spec.blocks.front().ffn).activation,
          .has_pooler = true,
          .classifier = {.is_pooler = true}};
}

}  // namespace

Family bert_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            ModelSpec spec = read_bert_config(config, 0, where);
            read_encoder_top(spec, bert_top(spec), config, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = bert_body_obstacle(spec)) return obstacle;
        if (spec.token_types == 0) return "its texts have no learned vectors";
        if (spec.position_offset != 0) return "its positions begin at a later row";
        return encoder_top_obstacle(spec, bert_top(spec));
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = {{"model_type", "bert"}};
            config.update(write_bert_config(spec));
            write_encoder_top(spec, bert_top(spec), config);
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(bert_file_name(name, "bert."),
                                      {{"lm_head.dense.", "cls.predictions.transform.dense."},
                                       {"lm_head.norm.", "cls.predictions.transform.LayerNorm."},
                                       {"lm_head.weight", "cls.predictions.decoder.weight"},
                                       {"lm_head.bias", "cls.predictions.bias"},
                                       {"classifier.dense.", "bert.pooler.dense."}});
          },
      .optional_prefix = "bert.",
      // The head that says whether two texts follow each other has no use here.
      .is_buffer =
          [](const std::string& name, const ModelSpec& spec) {
            return is_bert_buffer(name, spec) || name.starts_with("cls.seq_relationship.");
          },
      .usual_name = bert_usual_name,
      .complete =
          [](ModelSpec& spec, const Json& config, const HasTensor& has, const std::string& where) {
            complete_encoder_top(spec, bert_top(spec), has, config, where);
          },
  };
}

}  // namespace coppice
