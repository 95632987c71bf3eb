#pragma once
// The common English words that worlds are furnished with.

#include <span>
#include <string_view>

namespace coppice::lab {

using Words = std::span<const std::string_view>;

Words colours();
Words foods();
Words hobbies();
Words occupations();
Words place_kinds();
Words weekdays();
Words species();
Words tricks();
Words objects();
Words materials();

struct Trade {
  std::string_view shop, goods;
};
std::span<const Trade> trades();

// Groups of words that mean the same; texts choose among them, so that no single wording carries a fact.
struct Synonyms {
  std::string_view name;
  std::span<const std::string_view> words;
};
std::span<const Synonyms> synonyms();

}  // namespace coppice::lab
