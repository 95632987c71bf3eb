// Where a model's chat template is found, and what it is given.

#include "text/chat_template.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "support.h"

namespace coppice {
namespace {

using ::testing::HasSubstr;

const char* const turns =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

class ChatTemplates : public ::testing::Test {
 protected:
  void write(const std::string& name, const Json& json) { write_file(folder_ / name, to_line(json)); }
  std::string apply(const ChatOptions& options = {}) {
    return load_chat_template(folder_.path()).apply(messages_, options);
  }

  test::TemporaryFolder folder_;
  Json messages_ = {{{"role", "system"}, {"content", "S"}}, {{"role", "user"}, {"content", "U"}}};
};

TEST_F(ChatTemplates, ComeFromTheTokenizersConfiguration) {
  write("tokenizer_config.json", {{"chat_template", turns},
                                  {"bos_token", "<s>"},
                                  {"eos_token", {{"content", "</s>"}, {"lstrip", false}}}});
  EXPECT_EQ(apply(), "<s><system>S</s><user>U</s><assistant>");
  EXPECT_EQ(apply({.add_generation_prompt = false}), "<s><system>S</s><user>U</s>");
  EXPECT_EQ(load_chat_template(folder_.path()).eos_token(), "</s>");
}

TEST_F(ChatTemplates, TheFileComesBeforeTheConfiguration) {
  write("tokenizer_config.json", {{"chat_template", "config"}});
  write_file(folder_ / "chat_template.jinja", turns);
  write("special_tokens_map.json", {{"bos_token", "[B]"}});
  EXPECT_EQ(apply(), "[B]<system>S<user>U<assistant>");
}

TEST_F(ChatTemplates, AProcessorsFileIsReadToo) {
  write("chat_template.json", {{"chat_template", "processor"}});
  EXPECT_EQ(apply(), "processor");
}

TEST_F(ChatTemplates, OfSeveralTheOneForToolsIsTakenWhenThereAreSome) {
  write("tokenizer_config.json", {{"chat_template",
                                   {{{"name", "default"}, {"template", "plain"}},
                                    {{"name", "tool_use"}, {"template", "{{ tools[0].name }}"}}}}});
  EXPECT_EQ(apply(), "plain");
  EXPECT_EQ(apply({.tools = Json::array({{{"name", "add"}}})}), "add");
}

TEST_F(ChatTemplates, MoreFilesAreMoreTemplates) {
  std::filesystem::create_directory(folder_ / "additional_chat_templates");
  write_file(folder_ / "chat_template.jinja", "plain");
  write_file(folder_ / "additional_chat_templates/tool_use.jinja", "tools");
  EXPECT_EQ(apply(), "plain");
  EXPECT_EQ(apply({.tools = Json::array()}), "tools");
}

TEST_F(ChatTemplates, VariablesReachTheTemplate) {
  write_file(folder_ / "chat_template.jinja",
             "{{ enable_thinking }} {{ tools is none }} {{ bos_token is defined }}");
  EXPECT_EQ(apply({.variables = {{"enable_thinking", false}}}), "False True False");
}

TEST_F(ChatTemplates, FaultsSayWhere) {
  const auto fault = [&] { return test::error_of([&] { apply(); }); };
  EXPECT_THAT(fault(), HasSubstr("no chat template"));
  write("tokenizer_config.json", {{"chat_template", nullptr}});
  EXPECT_THAT(fault(), HasSubstr("no chat template"));
  write("tokenizer_config.json", {{"chat_template", 3}});
  EXPECT_THAT(fault(), HasSubstr("a string or a list"));
  write("tokenizer_config.json", {{"chat_template", {{{"name", "default"}}}}});
  EXPECT_THAT(fault(), HasSubstr("with a 'template'"));
  write("tokenizer_config.json",
        {{"chat_template", {{{"name", "a"}, {"template", ""}}, {{"name", "a"}, {"template", ""}}}}});
  EXPECT_THAT(fault(), HasSubstr("two templates 'a'"));
  write("tokenizer_config.json",
        {{"chat_template", {{{"name", "a"}, {"template", ""}}, {{"name", "b"}, {"template", ""}}}}});
  EXPECT_THAT(fault(), HasSubstr("called 'default'"));
  write("tokenizer_config.json", {{"chat_template", "a\n{{ raise_exception('no system role') }}"}});
  EXPECT_THAT(fault(), HasSubstr("line 2: the template refuses: no system role"));
  write("tokenizer_config.json", Json::array());
  EXPECT_THAT(fault(), HasSubstr("an object"));
  EXPECT_THAT(test::error_of([&] { load_chat_template(folder_ / "missing"); }),
              HasSubstr("no such directory"));
}

}  // namespace
}  // namespace coppice
