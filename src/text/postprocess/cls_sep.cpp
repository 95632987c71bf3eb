// BertProcessing and RobertaProcessing: the classification token before a text, the separator behind it.

#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

struct RobertaOptions {
  bool trim_offsets = true, add_prefix_space = true;
  static void fields(auto& self, auto&& field) {
    field("trim_offsets", self.trim_offsets, Field{.help = "leave white space out of offsets"});
    field("add_prefix_space", self.add_prefix_space, Field{.help = "concerns encoding only"});
  }
};

TokenId read_pair(const Json& json, const char* key, const std::string& where) {
  const auto pair = json.find(key);
  if (pair == json.end() || !pair->is_array() || pair->size() != 2 || !(*pair)[0].is_string() ||
      !(*pair)[1].is_number_integer())
    throw Error({.where = where + "." + key, .found = "no such pair", .expected = "[\"token\", id]"});
  TokenId id = 0;
  from_json((*pair)[1], id, where + "." + key);
  return id;
}

}  // namespace

// [CLS] A [SEP], [CLS] A [SEP] B [SEP] with B and what is behind it in segment 1.
std::unique_ptr<PostProcessor> make_bert_post_processor(const Json& json, const std::string& where) {
  const TokenId cls = read_pair(json, "cls", where), sep = read_pair(json, "sep", where);
  auto processor = std::make_unique<PostProcessor>();
  processor->single = {{.id = cls}, {.text = 0}, {.id = sep}};
  processor->pair = {{.id = cls}, {.text = 0}, {.id = sep}, {.text = 1, .type = 1}, {.id = sep, .type = 1}};
  return processor;
}

// <s> A </s>, <s> A </s></s> B </s>, all in segment 0.
std::unique_ptr<PostProcessor> make_roberta_post_processor(const Json& json, const std::string& where) {
  const TokenId cls = read_pair(json, "cls", where), sep = read_pair(json, "sep", where);
  Json rest = json;
  rest.erase("cls");
  rest.erase("sep");
  auto processor = std::make_unique<PostProcessor>();
  processor->single = {{.id = cls}, {.text = 0}, {.id = sep}};
  processor->pair = {{.id = cls}, {.text = 0}, {.id = sep}, {.id = sep}, {.text = 1}, {.id = sep}};
  processor->trims_offsets = read_options<RobertaOptions>(rest, where).trim_offsets;
  return processor;
}

}  // namespace coppice
