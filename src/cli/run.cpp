#include <algorithm>
#include <iostream>

#include "base/log.h"
#include "cli/chat.h"
#include "cli/draft.h"
#include "cli/open_decoder.h"
#include "model/batch_generator.h"
#include "model/generate.h"
#include "text/tokenizer.h"

namespace coppice {

namespace {

Workload work_of(const RunOptions& options, const ModelSpec& spec, const std::vector<int32_t>& prompt) {
  const auto read = static_cast<int64_t>(prompt.size()), drafted = options.draft ? options.draft_tokens : 0;
  return {.length = std::clamp<int64_t>(read + options.tokens + drafted, 1, spec.context),
          .rows = std::clamp<int64_t>(read, 1 + drafted, BatchOptions{}.prompt_chunk),
          .logit_rows = 1 + drafted};
}

}  // namespace

Json generation_json(const std::vector<int32_t>& prompt, const Generation& result, const std::string& text) {
  Json json = {{"prompt_ids", prompt},
               {"ids", result.ids},
               {"text", text},
               {"stopped", to_string(result.stopped)},
               {"prompt_seconds", result.prompt_seconds},
               {"tokens_per_s", result.tokens_per_second},
               {"passes", result.passes}};
  if (result.drafted > 0)
    json["draft"] = {
        {"drafted", result.drafted},
        {"accepted", result.accepted},
        {"acceptance", static_cast<double>(result.accepted) / static_cast<double>(result.drafted)}};
  return json;
}

int run_run(const RunOptions& options) {
  if (options.chat) return run_chat(options);
  if (options.system)
    throw Error({.where = "--system", .found = "no conversation", .advice = "add --chat"}, Fault::usage);
  const auto tokenizer = load_tokenizer(options.model);
  check_draft(options);
  const auto files = open_model(options.model);
  require_generator(files->spec(), options.model.string());
  const auto prompt = tokenizer->encode(options.prompt);
  const Workload work = work_of(options, files->spec(), prompt);
  if (options.dry_run)
    return show_plan(plan_decoder(*files, options.runtime, work), files, options.runtime, options.common);
  Decoder decoder = open_decoder(files, options.runtime, work, PackWhen::between_passes);
  Draftsman draftsman(options, *tokenizer, decoder);

  StreamDecoder stream(*tokenizer);
  // The prompt is shown once the model took it; what an encoder-decoder says does not continue it.
  const std::string shown = decoder.spec().encoder ? "" : options.prompt;
  bool begun = false;
  const TokenSink print = [&](int32_t id) {
    if (!begun) std::cout << shown;
    begun = true;
    std::cout << stream.push(id) << std::flush;
    return static_cast<bool>(std::cout);
  };
  Trace trace;
  const GenerateOptions settings{.tokens = options.tokens,
                                 .stop_at_eos = !options.ignore_eos,
                                 .sampler = options.sampler,
                                 .drafter = draftsman.drafter(),
                                 .draft_tokens = options.draft_tokens};
  const bool streaming = !options.common.json;
  const Generation result = generate(decoder, prompt, settings, streaming ? print : TokenSink{},
                                     options.trace ? collect_into(trace) : TraceSink{});
  if (options.trace) write_trace(*options.trace, trace);
  Json json = generation_json(prompt, result, tokenizer->decode(result.ids));
  if (decoder.expert_traffic().uses > 0) json["experts"] = traffic_json(decoder.expert_traffic());
  print_result(options.common, json, (begun ? "" : shown) + stream.finish() + "\n");
  Draftsman::report(result);
  report_experts(decoder, options.runtime);
  return 0;
}

}  // namespace coppice
