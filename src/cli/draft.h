#pragma once
// What `run --draft` asks for.

#include <memory>
#include <optional>

#include "cli/run_options.h"
#include "model/drafter.h"
#include "model/generate.h"
#include "text/tokenizer.h"

namespace coppice {

// An Error of usage for what cannot go together with --draft.
void check_draft(const RunOptions& options);

class Draftsman {
 public:
  // Opens the draft model, if there is one. One that does not fit `model` and its tokenizer is an Error.
  Draftsman(const RunOptions& options, const Tokenizer& tokenizer, const Decoder& model);

  // For one text; nullptr without --draft.
  std::shared_ptr<Drafter> drafter();

  // Tells, on stderr, how many guesses stayed.
  static void report(const Generation& result);

 private:
  const RunOptions& options_;
  std::optional<Decoder> decoder_;
};

}  // namespace coppice
