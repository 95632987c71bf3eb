#include "text/train_bpe.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "text/byte_alphabet.h"
#include "text/gpt2_words.h"
#include "text/pair_counts.h"

namespace coppice {
namespace {

// Distinct words of the files with their counts, words in order of their bytes.
class WordCounter {
 public:
  void read(const std::filesystem::path& file) {
    const std::string text = shelter_bytes(read_file(file));
    for (const auto& [begin, end] : gpt2_words(text)) {
      key_.assign(text, begin, end - begin);
      ++counts_[key_];
      ++words_;
    }
  }

  std::vector<std::pair<std::string, int64_t>> sorted() const {
    std::vector<std::pair<std::string, int64_t>> words(counts_.begin(), counts_.end());
    std::sort(words.begin(), words.end());
    return words;
  }

  int64_t words() const { return words_; }

 private:
  std::unordered_map<std::string, int64_t> counts_;
  std::string key_;
  int64_t words_ = 0;
};

void check(const BpeTraining& training) {
  const auto& specials = training.special_tokens;
  std::unordered_set<std::string> seen;
  for (const auto& token : specials)
    if (token.empty() || !seen.insert(token).second)
      throw Error({.where = "special tokens",
                   .found = fmt::format("'{}'", token),
                   .expected = "different names, none empty"},
                  Fault::usage);
  if (training.add_bos && !seen.contains("<s>"))
    throw Error(
        {.where = "special tokens", .found = "no <s>", .expected = "<s>, which is put before every text"},
        Fault::usage);
  const auto least = static_cast<int64_t>(specials.size()) + 256;
  if (training.vocabulary < least || training.vocabulary > max_vocabulary)
    throw Error({.where = "vocabulary size",
                 .found = std::to_string(training.vocabulary),
                 .expected = fmt::format("at least {} (special tokens and 256 bytes), at most {}", least,
                                         max_vocabulary)},
                Fault::usage);
}

// Symbols of a sheltered word: the ids of its bytes.
std::vector<TokenId> byte_ids(const std::string& word, TokenId first_byte) {
  std::string bytes;
  append_spelled_bytes(spell_bytes(word), bytes);
  std::vector<TokenId> ids;
  for (const char byte : bytes) ids.push_back(first_byte + static_cast<unsigned char>(byte));
  return ids;
}

}  // namespace

TrainedBpe train_bpe(const std::vector<std::filesystem::path>& files, const BpeTraining& training) {
  check(training);
  TrainedBpe trained;
  trained.tokens = training.special_tokens;
  trained.special_count = static_cast<int64_t>(trained.tokens.size());
  const auto first_byte = static_cast<TokenId>(trained.tokens.size());
  for (int byte = 0; byte < 256; ++byte)
    trained.tokens.push_back(byte_character(static_cast<unsigned char>(byte)));

  WordCounter counter;
  {
    Progress progress("reading text", 0, "bytes");
    for (const auto& file : files) {
      counter.read(file);
      const auto size = static_cast<int64_t>(std::filesystem::file_size(file));
      trained.bytes += size;
      progress.advance(size);
    }
  }
  std::vector<CountedWord> words;
  for (const auto& [word, count] : counter.sorted()) words.push_back({byte_ids(word, first_byte), count});
  trained.words = counter.words();
  trained.distinct_words = static_cast<int64_t>(words.size());
  if (words.empty())
    throw Error({.where = files.empty() ? "training text" : files.front().string(),
                 .found = "no text",
                 .expected = "text to train on"});

  // A merge may spell a token that is there already by another way, or a special token; such pairs stay
  // apart.
  std::unordered_set<std::string> known(trained.tokens.begin(), trained.tokens.end());
  PairCounts pairs(std::move(words));
  Progress progress("training merges", training.vocabulary - static_cast<int64_t>(trained.tokens.size()),
                    "merges");
  while (static_cast<int64_t>(trained.tokens.size()) < training.vocabulary) {
    const auto pair = pairs.top();
    if (!pair || pair->count < training.min_frequency) break;
    const std::string &left = trained.tokens[static_cast<size_t>(pair->left)],
                      &right = trained.tokens[static_cast<size_t>(pair->right)];
    if (!known.insert(left + right).second) {
      pairs.forbid(*pair);
      continue;
    }
    trained.merges.emplace_back(left, right);
    pairs.merge(*pair, static_cast<TokenId>(trained.tokens.size()));
    trained.tokens.push_back(trained.merges.back().first + trained.merges.back().second);
    progress.advance(1);
  }
  return trained;
}

}  // namespace coppice
