#include "lab/convert/converters.h"

namespace coppice::lab {

const Registry<Converter>& converters() {
  static const Registry<Converter> all("conversion method",
                                       {{"tomoe", tomoe_converter()},
                                        {"cmoe", cmoe_converter()},
                                        {"copy", copy_converter()},
                                        {"words", words_converter()},
                                        {"split-random", split_random_converter()},
                                        {"split-cluster", split_cluster_converter()},
                                        {"prune-learned", prune_learned_converter()},
                                        {"prune-activation", prune_activation_converter()},
                                        {"prune-magnitude", prune_magnitude_converter()}});
  return all;
}

std::vector<std::string> all_methods() {
  return converters().names();
}

Json list_methods() {
  Json list = Json::array();
  for (const auto& [name, converter] : converters()) {
    Json options = Json::array();
    for (const auto& doc : converter.options)
      options.push_back({{"name", doc.name},
                         {"type", doc.type},
                         {"default", parse_json(doc.fallback, doc.name)},
                         {"help", doc.info.help}});
    list.push_back(
        {{"method", name}, {"summary", converter.summary}, {"paper", converter.paper}, {"options", options}});
  }
  return list;
}

}  // namespace coppice::lab
