// Mixture of word experts (MoWE, Nogueira dos Santos et al. 2023): every chosen FFN becomes E copies of itself, and the
// word that a token is of says which one it goes to, by a table instead of a learned router.
//
//   y = FFN_e(x),   e = the expert of the routing id of the token's longest known word
//
// All copies compute the same at conversion, so the model is exactly the dense one; training goes on from there, and each
// expert comes to hold what is known of its words. The routing vocabulary is made of the calibration text, which should
// therefore be large and name what is to be remembered.

#include "lab/convert/converters.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/parity.h"
#include "lab/route/word_routing.h"

namespace coppice::lab {

struct WordOptions {
  RoutingTraining words;
  int64_t blocks = 8;
  int64_t every = 2;

  static void fields(auto& self, auto&& field) {
    field("entries", self.words.entries,
          Field{.help = "words in the routing vocabulary at most, the unknown one included",
                .min = 2,
                .max = RoutingVocabulary::most_entries});
    field("longest", self.words.longest,
          Field{.help = "tokens of a word at most", .min = 1, .max = RoutingVocabulary::most_tokens});
    field("name_words", self.words.name_words,
          Field{.help = "words of a name at most; 1 = no names of several words", .min = 1, .max = 16});
    field("least_count", self.words.least_count,
          Field{.help = "what occurs less often in the text is unknown", .min = 1});
    field("blocks", self.blocks,
          Field{.help = "blocks of words with about equally many tokens, frequent words first",
                .min = 1,
                .max = 4096});
    field("every", self.every,
          Field{.help = "every n-th feed-forward becomes experts, beginning with the n-th", .min = 1});
  }
};

namespace {

Conversion convert(const ConversionInput& input, const WordOptions& options) {
  require_no_ffn_bias(input.spec, "words");
  const auto layers = static_cast<int64_t>(input.spec.blocks.size());
  if (options.every > layers)
    throw Error({.where = "words.every",
                 .found = fmt::format("{}", options.every),
                 .expected = fmt::format("at most the {} layers", layers)},
                Fault::usage);
  Conversion result{.spec = input.spec, .state = input.state};
  for (int64_t layer = options.every - 1; layer < layers; layer += options.every) {
    copy_to_experts(result.spec, result.state, layer, input.experts);
    MoeSpec& moe = *moe_of(result.spec.blocks[static_cast<size_t>(layer)]);
    moe.top_k = 1;
    moe.router = {.source = RouterSource::word, .score = RouterScore::none, .weight = ExpertWeight::one};
    moe.router.word_blocks.resize(static_cast<size_t>(options.blocks) + 1);
  }
  const auto table = fit_word_routers(result.spec, input.words(), options.words);
  const RoutingVocabularySpec& words = *result.spec.routing_vocabulary;
  result.state["model.routing_vocabulary"] =
      torch::tensor(table, torch::kInt32).view({words.entries, words.longest});

  const auto dense = make_model(input.spec, input.state), copied = make_model(result.spec, result.state);
  result.parity.push_back(same_logits("logits of the copies equal the dense model's", *dense, *copied,
                                      input.text.windows(), 1e-6));
  result.report["words"] = words.entries - 1;
  result.report["word_blocks"] =
      to_json(moe_of(result.spec.blocks[static_cast<size_t>(options.every) - 1])->router.word_blocks);
  result.remarks.push_back(
      fmt::format("every expert is as wide as the dense feed-forward, so --active does not apply: one of {} "
                  "copies is active, by {} words; train the result to make them differ",
                  input.experts, words.entries - 1));
  return result;
}

}  // namespace

Converter words_converter() {
  return make_converter<WordOptions>(
      "words", "mixture of word experts: every expert a copy of the dense feed-forward, chosen by the word",
      "Nogueira dos Santos et al. 2023, arXiv:2311.10768", convert);
}

}  // namespace coppice::lab
