// The BPE model of a tokenizer.json.

#include "base/fields.h"
#include "text/subword/bpe.h"

namespace coppice {
namespace {

// "left right", or ["left", "right"] in newer files.
std::pair<std::string, std::string> read_merge(const Json& json, const std::string& where) {
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string())
    return {json[0].get<std::string>(), json[1].get<std::string>()};
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != text.npos && text.find(' ', space + 1) == text.npos)
      return {text.substr(0, space), text.substr(space + 1)};
  }
  throw Error({.where = where,
               .found = to_line(json).substr(0, 60),
               .expected = "two tokens: \"a b\" or [\"a\", \"b\"]"});
}

}  // namespace

std::unique_ptr<SubwordModel> make_bpe_model(TokenizerJson& document, const std::string& where) {
  Json& model = document.rest["model"];
  Vocabulary vocabulary = take_vocabulary(document, where);
  std::vector<std::pair<std::string, std::string>> merges;
  if (const auto list = model.find("merges"); list != model.end()) {
    if (!list->is_array())
      throw Error({.where = where + ".merges", .found = list->type_name(), .expected = "a list"});
    for (size_t i = 0; i < list->size(); ++i)
      merges.push_back(read_merge((*list)[i], fmt::format("{}.merges[{}]", where, i)));
    model.erase("merges");
  } else {
    throw Error({.where = where + ".merges", .found = "missing", .expected = "a list of merges"});
  }
  auto options = read_model_options<BpeOptions>(document, where);
  return std::make_unique<BpeModel>(std::move(options), std::move(vocabulary), merges, where);
}

}  // namespace coppice
