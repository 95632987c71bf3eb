#pragma once
// Documents of text files as words of tokens, which routing vocabularies are made of.

#include <filesystem>
#include <span>
#include <vector>

#include "lab/data/document_break.h"
#include "text/train_routing_vocabulary.h"

namespace coppice::lab {

std::vector<WordsOfText> words_of_files(std::span<const std::filesystem::path> files, DocumentBreak by,
                                        const Tokenizer& tokenizer);

}  // namespace coppice::lab
