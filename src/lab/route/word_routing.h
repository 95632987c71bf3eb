#pragma once
// Fits routers by words to text.

#include "model/spec.h"
#include "text/train_routing_vocabulary.h"

namespace coppice::lab {

// Makes the routing vocabulary of a spec of text and plans the blocks of all its routers by words anew, as many for each
// as it has now: by how many tokens of the text have each id, in the way that the router's stack finds them. The table
// is for LanguageModel::set_routing_vocabulary, or the tensor model.routing_vocabulary. More experts than words are an
// Error.
std::vector<TokenId> fit_word_routers(ModelSpec& spec, std::span<const WordsOfText> texts,
                                      const RoutingTraining& training);

}  // namespace coppice::lab
