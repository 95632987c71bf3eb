#include "text/chat_template.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/file.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using Named = std::vector<std::pair<std::string, jinja::Template>>;

constexpr size_t max_templates = 100;

Json read_object(const fs::path& path) {
  if (!fs::exists(path)) return Json::object();
  Json json = read_json_file(path, perhaps_incomplete);
  if (!json.is_object())
    throw Error({.where = path.string(), .found = json.type_name(), .expected = "an object"});
  return json;
}

// A template, or a list of {"name": …, "template": …}.
Named read_templates(const Json& json, const std::string& where) {
  Named result;
  if (json.is_string()) {
    result.emplace_back("default", jinja::Template(json.get_ref<const std::string&>(), where));
    return result;
  }
  if (!json.is_array())
    throw Error({.where = where, .found = json.type_name(), .expected = "a string or a list"});
  if (json.size() > max_templates)
    throw Error({.where = where,
                 .found = fmt::format("{} templates", json.size()),
                 .expected = fmt::format("at most {}", max_templates)});
  for (const auto& item : json) {
    const auto text = [&](const char* key) {
      if (!item.is_object() || !item.contains(key) || !item[key].is_string())
        throw Error(
            {.where = where, .found = "a template in a list", .expected = fmt::format("with a '{}'", key)});
      return item[key].get<std::string>();
    };
    const std::string name = text("name");
    if (std::any_of(result.begin(), result.end(), [&](const auto& other) { return other.first == name; }))
      throw Error(
          {.where = where, .found = fmt::format("two templates '{}'", name), .expected = "each name once"});
    result.emplace_back(name, jinja::Template(text("template"), fmt::format("{} '{}'", where, name)));
  }
  return result;
}

Named read_template_files(const fs::path& model_directory) {
  Named result;
  const auto main = model_directory / "chat_template.jinja",
             more = model_directory / "additional_chat_templates";
  if (fs::exists(main)) result.emplace_back("default", jinja::Template(read_file(main), main.string()));
  if (!fs::is_directory(more)) return result;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(more))
    if (entry.path().extension() == ".jinja" && files.size() < max_templates) files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // directory order differs between machines
  for (const auto& file : files)
    result.emplace_back(file.stem(), jinja::Template(read_file(file), file.string()));
  return result;
}

// bos_token and its like, given as texts or as {"content": …}.
void add_special_tokens(const Json& config, Json& tokens) {
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token") || tokens.contains(key)) continue;
    if (value.is_string()) tokens[key] = value;
    if (value.is_object() && value.contains("content") && value["content"].is_string())
      tokens[key] = value["content"];
  }
}

}  // namespace

ChatTemplate::ChatTemplate(Named templates, Json special_tokens, std::string where)
    : templates_(std::move(templates)),
      special_tokens_(std::move(special_tokens)),
      where_(std::move(where)) {}

const jinja::Template& ChatTemplate::choose(bool tools) const {
  for (const char* name : {"tool_use", "default"}) {
    if (!tools && std::string_view(name) == "tool_use") continue;
    for (const auto& [known, made] : templates_)
      if (known == name) return made;
  }
  if (templates_.size() == 1) return templates_.front().second;
  throw Error(
      {.where = where_, .found = "several chat templates", .expected = "one of them called 'default'"});
}

std::string ChatTemplate::apply(const Json& messages, const ChatOptions& options) const {
  Json variables = special_tokens_;
  variables["messages"] = messages;
  variables["tools"] = options.tools;
  variables["documents"] = nullptr;
  variables["add_generation_prompt"] = options.add_generation_prompt;
  variables.update(options.variables);
  return choose(!options.tools.is_null()).render(variables, std::time(nullptr));
}

std::string ChatTemplate::eos_token() const {
  return special_tokens_.value("eos_token", "");
}

ChatTemplate load_chat_template(const fs::path& model_directory) {
  const auto path = model_directory / "tokenizer_config.json";
  const Json config = read_object(path);
  Json tokens = Json::object();
  add_special_tokens(config, tokens);
  add_special_tokens(read_object(model_directory / "special_tokens_map.json"), tokens);
  if (Named files = read_template_files(model_directory); !files.empty())
    return {std::move(files), std::move(tokens), model_directory.string()};
  const auto processor = model_directory / "chat_template.json";
  for (const auto& [json, where] : {std::pair(read_object(processor), processor), std::pair(config, path)}) {
    const auto found = json.find("chat_template");
    if (found == json.end() || found->is_null()) continue;
    Named templates = read_templates(*found, where.string() + " chat_template");
    if (!templates.empty()) return {std::move(templates), std::move(tokens), where.string()};
  }
  throw Error({.where = model_directory.string(),
               .found = fs::is_directory(model_directory) ? "no chat template" : "no such directory",
               .expected = "chat_template.jinja, or chat_template in tokenizer_config.json",
               .advice = "run without --chat: the model may be none for conversations"});
}

}  // namespace coppice
