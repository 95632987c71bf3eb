#include "text/analysis/stemmer.h"

#include <algorithm>

#include <libstemmer.h>

#include "base/error.h"
#include "base/nearest.h"
#include "text/analysis/porter.h"

namespace coppice {
namespace {

class PorterStemmer final : public Stemmer {
 public:
  void stem(std::string_view word, std::string& stem) override { porter_stem(word, stem); }
};

class SnowballStemmer final : public Stemmer {
 public:
  explicit SnowballStemmer(const std::string& language)
      : stemmer_(sb_stemmer_new(language.c_str(), "UTF_8")) {
    COPPICE_CHECK(stemmer_ != nullptr, language);
  }
  ~SnowballStemmer() override { sb_stemmer_delete(stemmer_); }
  SnowballStemmer(const SnowballStemmer&) = delete;
  SnowballStemmer& operator=(const SnowballStemmer&) = delete;

  void stem(std::string_view word, std::string& stem) override {
    // A word is at most max_word_length long, far below what an int holds; a keyword may be longer and stays.
    constexpr size_t longest = 1 << 24;
    const auto* bytes = reinterpret_cast<const sb_symbol*>(word.data());
    const sb_symbol* result =
        word.size() > longest ? nullptr : sb_stemmer_stem(stemmer_, bytes, static_cast<int>(word.size()));
    if (result == nullptr)
      stem = word;
    else
      stem.assign(reinterpret_cast<const char*>(result), static_cast<size_t>(sb_stemmer_length(stemmer_)));
  }

 private:
  sb_stemmer* stemmer_;
};

}  // namespace

std::vector<std::string> stemmer_names() {
  std::vector<std::string> names = {"none", "porter"};
  // Snowball's "porter" lacks the departures of Porter's own program, and no index needs two of them.
  for (const char** language = sb_stemmer_list(); *language != nullptr; ++language)
    if (std::string_view(*language) != "porter") names.emplace_back(*language);
  return names;
}

std::unique_ptr<Stemmer> make_stemmer(const std::string& name, const std::string& where) {
  if (name == "none") return nullptr;
  if (name == "porter") return std::make_unique<PorterStemmer>();
  const auto names = stemmer_names();
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw Error(
        {.where = where, .found = fmt::format("unknown stemmer '{}'", name), .advice = suggest(name, names)});
  return std::make_unique<SnowballStemmer>(name);
}

}  // namespace coppice
