#include <iostream>

#include "base/log.h"
#include "cli/chat.h"
#include "cli/draft.h"
#include "cli/run_options.h"
#include "model/generate.h"
#include "text/tokenizer.h"

namespace coppice {

Decoder open_decoder(const std::filesystem::path& model, const RuntimeOptions& options, PackWhen when) {
  Decoder decoder(open_model(model), options.weights, when);
  if (options.experts) decoder.set_top_k(*options.experts);
  decoder.set_kv_options({.type = options.kv_type});
  return decoder;
}

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
  Decoder decoder = open_decoder(options.model, options.runtime, PackWhen::between_passes);
  require_generator(decoder.spec(), options.model.string());
  const auto prompt = tokenizer->encode(options.prompt);
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
  print_result(options.common, generation_json(prompt, result, tokenizer->decode(result.ids)),
               (begun ? "" : shown) + stream.finish() + "\n");
  Draftsman::report(result);
  return 0;
}

}  // namespace coppice
