#pragma once
// A model's chat template: how the messages of a conversation become the text that the model continues.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/jinja/template.h"

namespace coppice {

struct ChatOptions {
  bool add_generation_prompt = true;  // the text ends where the model is to answer
  Json tools;                         // a list of tool descriptions, or null
  Json variables = Json::object();    // more variables that the template may look at, as enable_thinking
};

class ChatTemplate {
 public:
  // `templates` by name, at least one; `special_tokens` as bos_token, eos_token … and their texts.
  ChatTemplate(std::vector<std::pair<std::string, jinja::Template>> templates, Json special_tokens,
               std::string where);

  // The text of a conversation: a list of messages {"role": …, "content": …}. The template writes the special
  // tokens itself, so encode it without adding any. What the template refuses is an Error with its line. Of
  // several templates `tool_use` is taken if there are tools, else `default`.
  std::string apply(const Json& messages, const ChatOptions& options = {}) const;

  // The text of the token that ends a message; empty if the tokenizer's configuration names none.
  std::string eos_token() const;

 private:
  const jinja::Template& choose(bool tools) const;

  std::vector<std::pair<std::string, jinja::Template>> templates_;
  Json special_tokens_;
  std::string where_;
};

// The template of a model directory, as Transformers finds it: chat_template.jinja and
// additional_chat_templates/, else chat_template.json, else the chat_template of tokenizer_config.json. None
// is an Error that says so.
ChatTemplate load_chat_template(const std::filesystem::path& model_directory);

}  // namespace coppice
