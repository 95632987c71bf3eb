#include <algorithm>
#include <map>
#include <set>

#include "base/progress.h"
#include "base/strings.h"
#include "base/table.h"
#include "base/yaml.h"
#include "cli/info_options.h"
#include "model/model_files.h"
#include "model/sentence/sentence_spec.h"

namespace coppice {
namespace {

// The blocks with experts, counted, and the largest of them.
struct Experts {
  int64_t layers = 0, experts = 0, top_k = 0, narrowest = 0, widest = 0, shared_width = 0;
  std::string storage, router;
};

Experts survey_experts(const ModelSpec& spec) {
  Experts found;
  for (const auto& block : spec.blocks) {
    const MoeSpec* moe = moe_of(block);
    if (moe == nullptr) continue;
    const auto [low, high] = std::minmax_element(moe->widths.begin(), moe->widths.end());
    found.narrowest = found.layers == 0 ? *low : std::min(found.narrowest, *low);
    found.widest = std::max(found.widest, *high);
    found.experts = std::max(found.experts, moe->experts());
    found.top_k = std::max(found.top_k, moe->top_k);
    found.shared_width = std::max(found.shared_width, moe->shared_width);
    found.storage = to_string(moe->storage);
    found.router = fmt::format("{}, {}, {}", to_string(moe->router.source), to_string(moe->router.score),
                               to_string(moe->router.weight));
    ++found.layers;
  }
  return found;
}

std::vector<std::string> dtypes_of(const std::vector<StoredTensor>& tensors) {
  std::set<std::string> names;
  for (const auto& tensor : tensors) names.insert(tensor.type);
  return {names.begin(), names.end()};
}

Json tensor_list(const std::vector<StoredTensor>& tensors) {
  Json list = Json::array();
  for (const auto& tensor : tensors)
    list.push_back(
        {{"name", tensor.name}, {"dtype", tensor.type}, {"shape", tensor.shape}, {"bytes", tensor.bytes}});
  return list;
}

Json describe_mixer(const AttentionSpec& attention) {
  return {{"heads", attention.heads}, {"kv_heads", attention.kv_heads}, {"head_dim", attention.head_dim}};
}

Json describe_mixer(const LatentAttentionSpec& attention) {
  return {{"heads", attention.heads},
          {"head_dim", attention.query_dim()},
          {"latent_rank", attention.latent_rank},
          {"cached_per_token", attention.latent_rank + attention.rotary_dim}};
}

Json describe_mixer(const ShortConvSpec&) {
  return Json::object();
}

std::string attention_in_words(const Json& json) {
  if (json.contains("latent_rank"))
    return fmt::format("{} heads of {} on latent vectors, {} floats cached per token",
                       json["heads"].get<int64_t>(), json["head_dim"].get<int64_t>(),
                       json["cached_per_token"].get<int64_t>());
  return fmt::format("{} heads on {} key-value heads of {}", json["heads"].get<int64_t>(),
                     json["kv_heads"].get<int64_t>(), json["head_dim"].get<int64_t>());
}

Json describe_model(const ModelFiles& model) {
  const ModelSpec& spec = model.spec();
  const ParameterCount count = count_parameters(spec);
  const Experts experts = survey_experts(spec);
  Json json = {{"family", spec.family},
               {"params", count.total},
               {"active_params", count.active},
               {"ffn_params", count.ffn_total},
               {"active_ffn_params", count.ffn_active},
               {"encoder_layers", spec.encoder ? spec.encoder->blocks.size() : 0},
               {"layers", spec.blocks.size()},
               {"width", spec.width},
               {"context", spec.context},
               {"vocabulary", spec.vocabulary},
               {"tied_embeddings", spec.tied_embeddings},
               {"experts", experts.experts},
               {"top_k", experts.top_k}};
  std::map<std::string, int64_t> mixers;  // layers of each kind
  for (const auto& block : spec.blocks) {
    ++mixers[std::visit([](const auto& mixer) { return mixer.kind; }, block.mixer)];
    if (!json.contains("heads"))
      json.update(std::visit([](const auto& mixer) { return describe_mixer(mixer); }, block.mixer));
  }
  json["mixers"] = mixers;
  if (experts.layers > 0) {
    json["moe_layers"] = experts.layers;
    json["expert_width"] = {{"min", experts.narrowest}, {"max", experts.widest}};
    json["shared_width"] = experts.shared_width;
    json["expert_storage"] = experts.storage;
    json["router"] = experts.router;
  } else if (const auto* ffn = std::get_if<DenseFfnSpec>(&spec.blocks.front().ffn)) {
    json["ffn_width"] = ffn->width;
  }
  json["dtypes"] = dtypes_of(model.stored());
  json["bytes"] = model.total_bytes();
  json["encoder"] = !is_causal(spec);
  json["head"] = to_string(spec.head);
  if (spec.head == HeadKind::classifier) json["labels"] = spec.labels;
  if (!spec.label_names.empty()) json["label_names"] = spec.label_names;
  json["pooler"] = spec.pooler;
  if (const auto passed_over = model.passed_over(); !passed_over.empty()) json["passed_over"] = passed_over;
  // What `coppice convert` leaves beside a model that it made.
  if (const auto path = model.path() / "coppice.yaml"; std::filesystem::exists(path))
    json["conversion"] = read_yaml_file(path);
  if (const auto path = model.path() / "parity.json"; std::filesystem::exists(path))
    json["parity"] = read_json_file(path);
  return json;
}

// ": negative, neutral, positive", or nothing.
std::string names_in_words(const Json& json) {
  constexpr size_t most = 20;
  std::vector<std::string> names = json.value("label_names", std::vector<std::string>());
  if (names.empty()) return "";
  const bool cut = names.size() > most;
  names.resize(std::min(names.size(), most));
  return fmt::format(": {}{}", fmt::join(names, ", "), cut ? ", …" : "");
}

// 1234567 -> "1,234,567".
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string share(int64_t part, int64_t whole) {
  return whole > 0 ? fmt::format(" ({:.1f}%)", 100.0 * static_cast<double>(part) / static_cast<double>(whole))
                   : "";
}

// The few lines of coppice.yaml that say how the model was made; --json has all of it.
std::string conversion_in_words(const Json& json) {
  if (!json.contains("conversion") || !json["conversion"].is_object()) return "";
  std::string text = "\nconverted\n";
  for (const char* key : {"method", "dense", "experts", "active", "active_share", "seed", "seconds"})
    if (const auto found = json["conversion"].find(key); found != json["conversion"].end())
      text +=
          fmt::format("  {:<18}{}\n", key, found->is_string() ? found->get<std::string>() : to_line(*found));
  return text;
}

// The claims of parity.json, one a line: what, and the largest difference found.
std::string parity_in_words(const Json& json) {
  if (!json.contains("parity") || !json["parity"].is_array() || json["parity"].empty()) return "";
  Table table({"proved exact", "difference", "tolerance", "held"});
  for (const auto& claim : json["parity"]) {
    const auto cell = [&](const char* key) {
      const auto found = claim.find(key);
      if (found == claim.end()) return std::string("-");
      return found->is_string() ? found->get<std::string>() : to_line(*found);
    };
    table.add_row(
        {cell("what"), cell("difference"), cell("tolerance"), cell("held") == "true" ? "yes" : "NO"});
  }
  return "\n" + table.text();
}

// What a sentence-transformers directory says about vectors.
Json describe_vectors(const SentenceSpec& spec) {
  Json stages = Json::array(), prompts = Json::object();
  for (const auto& stage : spec.stages) {
    const auto* dense = std::get_if<DenseStage>(&stage);
    stages.push_back(dense == nullptr ? "normalize" : fmt::format("dense {} to {}", dense->in, dense->out));
  }
  for (const auto& [name, prompt] : spec.prompts) prompts[name] = prompt;
  return {{"pooling", to_json(spec.pooling)},
          {"stages", stages},
          {"max_tokens", to_json(spec.max_tokens)},
          {"lower_case", spec.lower_case},
          {"include_prompt", spec.include_prompt},
          {"prompts", prompts},
          {"default_prompt", to_json(spec.default_prompt)}};
}

std::string vectors_in_words(const Json& json) {
  std::string steps, prompts;
  const auto add = [](std::string& list, const std::string& name, const char* between) {
    list += (list.empty() ? "" : between) + name;
  };
  for (const auto& pooling : json["pooling"]) add(steps, pooling.get<std::string>(), " + ");
  for (const auto& stage : json["stages"]) add(steps, stage.get<std::string>(), ", then ");
  for (const auto& [name, prompt] : json["prompts"].items())
    add(prompts, name + (json["default_prompt"] == name ? " (default)" : ""), ", ");
  std::string text = "\nvectors of texts\n";
  text += fmt::format("  {:<18}{}\n", "pooling", steps);
  if (!json["max_tokens"].is_null())
    text += fmt::format("  {:<18}{}\n", "tokens at most", json["max_tokens"].get<int64_t>());
  if (!prompts.empty()) text += fmt::format("  {:<18}{}\n", "prompts", prompts);
  return text;
}

std::string in_words(const Json& json) {
  const auto number = [&](const char* key) { return json[key].get<int64_t>(); };
  std::string text;
  const auto line = [&](const char* name, const std::string& value) {
    text += fmt::format("{:<20}{}\n", name, value);
  };
  line("family", json["family"].get<std::string>());
  line("parameters", grouped(number("params")));
  line("  active per token",
       grouped(number("active_params")) + share(number("active_params"), number("params")));
  line("  in FFNs", grouped(number("ffn_params")));
  line("  active in FFNs",
       grouped(number("active_ffn_params")) + share(number("active_ffn_params"), number("ffn_params")));
  if (number("encoder_layers") > 0) {
    line("encoder layers", grouped(number("encoder_layers")));
    line("decoder layers", grouped(number("layers")));
  } else {
    line("layers", grouped(number("layers")));
  }
  line("width", grouped(number("width")));
  const int64_t convolutions = json["mixers"].value("short_conv", int64_t{0});
  const int64_t attentions = number("layers") - convolutions;
  if (json.contains("heads"))
    line("attention",
         attention_in_words(json) + (convolutions == 0 ? "" : fmt::format(", in {} layers", attentions)));
  if (convolutions > 0) line("short convolution", fmt::format("in {} layers", convolutions));
  if (number("experts") > 0) {
    const auto low = json["expert_width"]["min"].get<int64_t>(),
               high = json["expert_width"]["max"].get<int64_t>();
    line("experts", fmt::format("{} in each of {} layers, {} active per token", number("experts"),
                                number("moe_layers"), number("top_k")));
    line("  neurons", low == high ? grouped(low) : fmt::format("{} to {}", grouped(low), grouped(high)));
    if (number("shared_width") > 0) line("  always active", grouped(number("shared_width")) + " neurons");
    line("  router", json["router"].get<std::string>());
    line("  storage", json["expert_storage"].get<std::string>());
  } else if (json.contains("ffn_width")) {
    line("FFN neurons", grouped(number("ffn_width")));
  }
  const std::string head = json["head"].get<std::string>();
  line("vocabulary", grouped(number("vocabulary")) + (head == "none" ? ", no output head" : "") +
                         (json["tied_embeddings"].get<bool>() ? ", head tied to the embedding" : ""));
  if (json["encoder"].get<bool>())
    line("encoder",
         fmt::format("attention sees both ways{}{}", head == "masked" ? ", predicts masked tokens" : "",
                     json["pooler"].get<bool>() ? ", pooler" : ""));
  if (head == "classifier")
    line("classifier",
         json["labels"] == 1
             ? "one score of a text or a pair"
             : fmt::format("{} labels of a text{}", json["labels"].get<int64_t>(), names_in_words(json)));
  line("context", grouped(number("context")) + " tokens");
  std::string types;
  for (const auto& type : json["dtypes"]) types += (types.empty() ? "" : ", ") + type.get<std::string>();
  line("stored", fmt::format("{} as {}", human_bytes(json["bytes"].get<double>()), types));
  return text + conversion_in_words(json) + parity_in_words(json);
}

std::string tensor_text(const Json& list) {
  Table table({"tensor", "dtype", "shape", "bytes"});
  for (const auto& tensor : list)
    table.add_row({tensor["name"].get<std::string>(), tensor["dtype"].get<std::string>(),
                   to_line(tensor["shape"]), grouped(tensor["bytes"].get<int64_t>())});
  return "\n" + table.text();
}

}  // namespace

int run_info(const InfoOptions& options) {
  const auto vectors =
      std::filesystem::is_directory(options.model) ? read_sentence_spec(options.model) : std::nullopt;
  const auto model = open_model(vectors ? vectors->model : options.model);
  Json json = describe_model(*model);
  std::string text = in_words(json);
  if (vectors) {
    json["vectors"] = describe_vectors(*vectors);
    text += vectors_in_words(json["vectors"]);
  }
  if (options.tensors) {
    json["tensors"] = tensor_list(model->stored());
    text += tensor_text(json["tensors"]);
  }
  print_result(options.common, json, text);
  return 0;
}

}  // namespace coppice
