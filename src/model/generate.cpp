#include "model/generate.h"

#include "model/batch_generator.h"

namespace coppice {

Generation generate(BatchGenerator& generator, BatchRequest request, const TraceSink& trace) {
  Generation result;
  std::exception_ptr failure;
  bool done = false;
  request.done = [&](const Generation& generation, const std::exception_ptr& error) {
    result = generation;
    failure = error;
    done = true;
  };
  generator.submit(std::move(request));
  while (!done) generator.step(trace);
  if (failure) std::rethrow_exception(failure);
  return result;
}

Generation generate(Decoder& decoder, std::span<const int32_t> prompt, const GenerateOptions& options,
                    const TokenSink& sink, const TraceSink& trace) {
  BatchGenerator generator(decoder, {.most_sequences = 1, .kept_prefixes = 0});
  return generate(generator, {.prompt = {prompt.begin(), prompt.end()}, .options = options, .sink = sink},
                  trace);
}

}  // namespace coppice
