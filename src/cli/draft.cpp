#include "cli/draft.h"

#include <algorithm>

#include "base/log.h"
#include "cli/open_decoder.h"

namespace coppice {
namespace {

// Nothing for a number that a vocabulary leaves out.
std::optional<std::string> spelling(const Tokenizer& tokenizer, TokenId id) {
  try {
    return tokenizer.token(id);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void check_tokenizers(const std::string& where, const Tokenizer& own, const Tokenizer& draft) {
  const auto fail = [&](const std::string& found, const std::string& expected) {
    throw Error({.where = where,
                 .found = found,
                 .expected = expected,
                 .advice = "a draft model has to have the same tokenizer"});
  };
  if (own.vocabulary() != draft.vocabulary())
    fail(fmt::format("a tokenizer of {} tokens", draft.vocabulary()),
         fmt::format("the model's own, of {}", own.vocabulary()));
  for (TokenId id = 0; id < own.vocabulary(); ++id) {
    const auto known = spelling(own, id), found = spelling(draft, id);
    if (known != found)
      fail(fmt::format("token {} is '{}'", id, found.value_or("")),
           fmt::format("'{}', as in the model", known.value_or("")));
  }
}

}  // namespace

void check_draft(const RunOptions& options) {
  if (options.draft && *options.draft != "ngram" && options.runtime.memory)
    throw Error({.where = "--memory",
                 .found = "a second model for --draft",
                 .expected = "one model, whose memory can be planned",
                 .advice = "take --draft ngram"},
                Fault::usage);
}

Draftsman::Draftsman(const RunOptions& options, const Tokenizer& tokenizer, const Decoder& model)
    : options_(options) {
  if (!options.draft || *options.draft == "ngram") return;
  check_tokenizers(*options.draft, tokenizer, *load_tokenizer(*options.draft));
  RuntimeOptions runtime = options.runtime;
  runtime.experts = std::nullopt;
  const auto files = open_model(*options.draft);
  decoder_.emplace(open_decoder(files, runtime,
                                {.length = std::min(files->spec().context, model.spec().context)},
                                PackWhen::between_passes));
  require_next_token_model(model.spec(), options.model.string());
  require_same_vocabulary(model.spec(), decoder_->spec(), *options.draft);
}

std::shared_ptr<Drafter> Draftsman::drafter() {
  if (!options_.draft) return nullptr;
  if (!decoder_) return make_ngram_drafter();
  return make_model_drafter(*decoder_, options_.sampler);
}

void Draftsman::report(const Generation& result) {
  if (result.drafted == 0) return;
  log_info("{} of {} guesses stayed ({:.0f}%); {} tokens in {} passes, {:.1f} tokens/s", result.accepted,
           result.drafted, 100.0 * static_cast<double>(result.accepted) / static_cast<double>(result.drafted),
           result.ids.size(), result.passes, result.tokens_per_second);
}

}  // namespace coppice
