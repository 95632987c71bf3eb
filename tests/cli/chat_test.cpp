// coppice run --chat as a user meets it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/process.h"
#include "text/tokenizer.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;

class Chat : public ::testing::Test {
 protected:
  void SetUp() override {
    COPPICE_NEEDS_DATA("stories260k-hf");
    const auto parent = data_folder() / "stories260k-hf";
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"})
      std::filesystem::create_symlink(parent / name, folder_ / name);
    set_template("{% for m in messages %}{{ m.role[0] | upper }}: {{ m.content }}\n{% endfor %}A:");
  }

  void set_template(const std::string& text, const std::string& eos = "") {
    Json config = {{"chat_template", text}, {"bos_token", "<s>"}};
    if (!eos.empty()) config["eos_token"] = eos;
    write_file(folder_ / "tokenizer_config.json", to_line(config));
  }

  std::string model() const { return folder_.path().string(); }

  TemporaryFolder folder_;
};

TEST_F(Chat, ThePromptIsWhatTheTemplateMakesOfTheMessages) {
  const Outcome outcome = run_coppice(
      {"run", model(), "Hello", "--chat", "--system", "Be kind", "-n", "8", "--temp", "0", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["prompt_ids"], load_tokenizer(model())->encode("S: Be kind\nU: Hello\nA:", false));
  EXPECT_EQ(json["ids"].size(), 8u);
  EXPECT_EQ(json["stopped"], "tokens");
  const Outcome streamed =
      run_coppice({"run", model(), "Hello", "--chat", "--system", "Be kind", "-n", "8", "--temp", "0"});
  EXPECT_EQ(streamed.out, json["text"].get<std::string>() + "\n");
}

TEST_F(Chat, TheTokenizersEndOfSequenceEndsTheAnswer) {
  const std::vector<std::string> words = {"run", model(),  "Hello", "--chat", "-n",
                                          "8",   "--temp", "0",     "--json"};
  const Json whole = parse_json(run_coppice(words).out, "stdout");
  const auto third = whole["ids"][2].get<TokenId>();
  set_template("{% for m in messages %}{{ m.role[0] | upper }}: {{ m.content }}\n{% endfor %}A:",
               load_tokenizer(model())->token(third));
  const Json cut = parse_json(run_coppice(words).out, "stdout");
  EXPECT_EQ(cut["stopped"], "eos");
  EXPECT_LE(cut["ids"].size(), 2u);
  auto ignoring = words;
  ignoring.push_back("--ignore-eos");
  EXPECT_EQ(parse_json(run_coppice(ignoring).out, "stdout")["ids"], whole["ids"]);
}

TEST_F(Chat, FaultsAreOneClearLine) {
  const struct {
    std::vector<std::string> words;
    int exit_code;
    std::string says;
  } cases[] = {
      {{"run", model(), "--chat"}, 2, "PROMPT"},
      {{"run", model(), "--chat", "--json"}, 2, "PROMPT"},
      {{"run", model(), "Hello", "--system", "Be kind"}, 2, "--chat"},
      {{"run", (data_folder() / "stories260k-hf").string(), "Hello", "--chat"}, 3, "no chat template"},
  };
  for (const auto& [words, exit_code, says] : cases) {
    const Outcome outcome = run_coppice(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(says));
  }
  set_template("\n{{ raise_exception('users only') }}");
  const Outcome refused = run_coppice({"run", model(), "Hello", "--chat"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("line 2: the template refuses: users only"));
}

TEST_F(Chat, AtATerminalTheConversationGoesOn) {
  // The template tells how many messages it got, and ends with them, so that the second answer's trace is
  // seen.
  set_template(
      "{% if messages | length == 3 %}{{ raise_exception('third: ' ~ messages[0].content ~ "
      "messages[2].content) }}{% endif %}U:");
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string program = coppice_program().string(), path = model();
    ::execl(program.c_str(), program.c_str(), "run", path.c_str(), "--chat", "-n", "4", "--temp", "0",
            nullptr);
    ::_exit(127);
  }
  const std::string typed = "first\nsecond\n";
  EXPECT_EQ(::write(terminal, typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
  std::string seen;
  char buffer[256];
  for (ssize_t size = 0; (size = ::read(terminal, buffer, sizeof buffer)) > 0;)
    seen.append(buffer, static_cast<size_t>(size));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 3) << seen;
  EXPECT_THAT(seen, HasSubstr("> "));
  EXPECT_THAT(seen, HasSubstr("third: firstsecond"));
}

}  // namespace
}  // namespace coppice::test
