#include "cli/chat.h"

#include <algorithm>
#include <iostream>

#include <unistd.h>

#include "cli/draft.h"
#include "cli/open_decoder.h"
#include "model/batch_generator.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

class Conversation {
 public:
  explicit Conversation(const RunOptions& options)
      : options_(options),
        // Before the weights, which take longer: a model without a template is to fail at once.
        template_(load_chat_template(options.model)),
        tokenizer_(load_tokenizer(options.model)),
        decoder_(open(options)),
        draftsman_(options, *tokenizer_, decoder_),
        generator_(decoder_, {.most_sequences = 1, .kept_prefixes = 1}) {
    settings_ = {.tokens = options.tokens,
                 .stop_at_eos = !options.ignore_eos,
                 .sampler = options.sampler,
                 .drafter = draftsman_.drafter(),
                 .draft_tokens = options.draft_tokens};
    // A chat model often ends its messages with another token than texts.
    if (const std::string eos = template_.eos_token(); !eos.empty())
      if (const auto id = tokenizer_->find(eos)) settings_.stop_ids.push_back(*id);
    if (options.system) say("system", *options.system);
  }

  // The answer to a message, also printed as it comes unless the result is to be JSON.
  struct Answer {
    std::vector<int32_t> prompt;
    Generation generation;
    std::string text;
  };
  Answer answer(const std::string& message, const TraceSink& trace) {
    say("user", message);
    Answer result;
    result.prompt = tokenizer_->encode(template_.apply(messages_), false);
    StreamDecoder stream(*tokenizer_);
    const TokenSink print = [&](int32_t id) {
      std::cout << stream.push(id) << std::flush;
      return static_cast<bool>(std::cout);
    };
    const bool streaming = !options_.common.json;
    result.generation = generate(
        generator_, {.prompt = result.prompt, .options = settings_, .sink = streaming ? print : TokenSink{}},
        trace);
    if (streaming) std::cout << stream.finish() << std::endl;
    Draftsman::report(result.generation);
    result.text = tokenizer_->decode(result.generation.ids);
    say("assistant", result.text);
    return result;
  }

  void report() const { report_experts(decoder_, options_.runtime); }

 private:
  // A conversation is planned for so many tokens, or for the context if that is shorter.
  static constexpr int64_t planned_tokens = 4096;

  static Decoder open(const RunOptions& options) {
    check_draft(options);
    const auto files = open_model(options.model);
    const int64_t drafted = options.draft ? options.draft_tokens : 0;
    return open_decoder(files, options.runtime,
                        {.length = std::min(planned_tokens, files->spec().context),
                         .rows = std::min(BatchOptions{}.prompt_chunk, files->spec().context),
                         .logit_rows = 1 + drafted},
                        PackWhen::between_passes);
  }

  void say(const char* role, const std::string& content) {
    messages_.push_back({{"role", role}, {"content", content}});
  }

  const RunOptions& options_;
  ChatTemplate template_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Decoder decoder_;
  Draftsman draftsman_;
  BatchGenerator generator_;  // a later message reads only what is new in it
  GenerateOptions settings_;
  Json messages_ = Json::array();
};

int converse(const RunOptions& options) {
  if (options.common.json || ::isatty(STDIN_FILENO) == 0)
    throw Error({.where = "PROMPT",
                 .found = "no message",
                 .advice = "give one; a conversation of many needs a terminal, and no --json"},
                Fault::usage);
  if (options.trace)
    throw Error(
        {.where = "--trace", .found = "a conversation without a PROMPT", .advice = "give one message"},
        Fault::usage);
  Conversation conversation(options);
  for (std::string line; std::cerr << "> " << std::flush, std::getline(std::cin, line);)
    if (!line.empty()) conversation.answer(line, {});
  std::cerr << "\n";
  conversation.report();
  return 0;
}

}  // namespace

int run_chat(const RunOptions& options) {
  if (options.dry_run)
    throw Error({.where = "--dry-run", .found = "a conversation", .advice = "leave --chat out"},
                Fault::usage);
  if (options.prompt.empty()) return converse(options);
  Conversation conversation(options);
  Trace trace;
  const auto answer = conversation.answer(options.prompt, options.trace ? collect_into(trace) : TraceSink{});
  if (options.trace) write_trace(*options.trace, trace);
  print_result(options.common, generation_json(answer.prompt, answer.generation, answer.text), "");
  conversation.report();
  return 0;
}

}  // namespace coppice
