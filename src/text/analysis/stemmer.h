#pragma once
// Stemmers by name: Porter's own program, and the Snowball stemmers by language (https://snowballstem.org).

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

class Stemmer {
 public:
  virtual ~Stemmer() = default;
  // The stem of a word, which is well-formed UTF-8 in lower case.
  virtual void stem(std::string_view word, std::string& stem) = 0;
};

// Null for "none". Errors: an unknown name, with the nearest. `where` says who asked.
std::unique_ptr<Stemmer> make_stemmer(const std::string& name, const std::string& where);
std::vector<std::string> stemmer_names();

}  // namespace coppice
