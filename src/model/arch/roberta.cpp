// RoBERTa (Liu et al. 2019) and XLM-R (Conneau et al. 2020): BERT whose positions begin behind that of
// padding.

#include "model/arch/bert_shape.h"

namespace coppice {
namespace {

const EncoderTop& roberta_top(bool multilingual) {
  static const EncoderTop tops[] = {{.name = "Roberta", .has_pooler = true},
                                    {.name = "XLMRoberta", .has_pooler = true}};
  return tops[multilingual ? 1 : 0];
}

Family roberta_like_family(const char* model_type, bool multilingual) {
  return {
      .read =
          [multilingual](const Json& config, const std::string& where) {
            const auto padding = config_value<int64_t>(config, "pad_token_id", 1, where);
            if (padding < 0 || padding >= 65536)
              throw Error({.where = where + ".pad_token_id",
                           .found = fmt::format("{}", padding),
                           .expected = "0 to 65535"});
            ModelSpec spec = read_bert_config(config, padding + 1, where);
            read_encoder_top(spec, roberta_top(multilingual), config, where);
            return spec;
          },
      .obstacle = [multilingual](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = bert_body_obstacle(spec)) return obstacle;
        if (spec.token_types == 0) return "its texts have no learned vectors";
        if (spec.position_offset == 0) return "its positions begin at the first row";
        return encoder_top_obstacle(spec, roberta_top(multilingual));
      },
      .write =
          [model_type, multilingual](const ModelSpec& spec) {
            Json config = {{"model_type", model_type}, {"pad_token_id", spec.position_offset - 1}};
            config.update(write_bert_config(spec));
            write_encoder_top(spec, roberta_top(multilingual), config);
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(bert_file_name(name, "roberta."),
                                      {{"lm_head.norm.", "lm_head.layer_norm."},
                                       {"lm_head.weight", "lm_head.decoder.weight"},
                                       {"classifier.weight", "classifier.out_proj.weight"},
                                       {"classifier.bias", "classifier.out_proj.bias"}});
          },
      .optional_prefix = "roberta.",
      .is_buffer = is_bert_buffer,
      .usual_name = bert_usual_name,
      .complete =
          [multilingual](ModelSpec& spec, const Json& config, const HasTensor& has,
                         const std::string& where) {
            complete_encoder_top(spec, roberta_top(multilingual), has, config, where);
          },
  };
}

}  // namespace

Family roberta_family() {
  return roberta_like_family("roberta", false);
}
Family xlm_roberta_family() {
  return roberta_like_family("xlm-roberta", true);
}

}  // namespace coppice
