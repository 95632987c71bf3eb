#include "base/file.h"
#include "base/progress.h"
#include "cli/train_tokenizer_options.h"
#include "text/train_bpe.h"

namespace coppice {

int run_train_tokenizer(const TrainTokenizerOptions& options) {
  AtomicDirectory directory(options.out, options.overwrite);
  const BpeTraining training = {.vocabulary = options.vocab_size,
                                .min_frequency = options.min_frequency,
                                .special_tokens = options.special,
                                .add_bos = !options.no_bos};
  const Progress clock("", 0, "");
  const TrainedBpe trained = train_bpe(options.files, training);
  write_tokenizer(trained, training, directory.path());
  directory.commit();
  const Json json = {{"out", options.out.string()},     {"vocabulary", trained.tokens.size()},
                     {"merges", trained.merges.size()}, {"bytes", trained.bytes},
                     {"words", trained.words},          {"distinct_words", trained.distinct_words},
                     {"seconds", clock.seconds()}};
  print_result(options.common, json,
               fmt::format("{}: {} tokens ({} merges) from {} of text, {} distinct words, in {}\n",
                           options.out.string(), trained.tokens.size(), trained.merges.size(),
                           human_bytes(static_cast<double>(trained.bytes)), trained.distinct_words,
                           human_duration(clock.seconds())));
  return 0;
}

}  // namespace coppice
