#include "lab/data/document_words.h"

#include "base/file.h"
#include "base/progress.h"

namespace coppice::lab {

std::vector<WordsOfText> words_of_files(std::span<const std::filesystem::path> files, DocumentBreak by,
                                        const Tokenizer& tokenizer) {
  std::vector<WordsOfText> words;
  Progress progress("cut into words", 0, "bytes");
  for (const auto& file : files) {
    const std::string text = read_file(file);
    for (const auto document : split_documents(text, by)) {
      words.push_back(words_of(document, tokenizer));
      progress.advance(static_cast<int64_t>(document.size()));
    }
  }
  return words;
}

}  // namespace coppice::lab
