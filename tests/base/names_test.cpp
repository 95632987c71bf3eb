// Nearest names and registries.

#include <gmock/gmock.h>

#include "base/nearest.h"
#include "base/registry.h"
#include "base/rng.h"
#include "support.h"

namespace coppice {
namespace {

using testing::HasSubstr;

// The definition: fewest edits, by trying every last edit. Swapped neighbours are not edited again.
int distance_by_definition(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return static_cast<int>(a.size() + b.size());
  const auto without_last = [](std::string_view text, size_t count) {
    return text.substr(0, text.size() - count);
  };
  int best = distance_by_definition(without_last(a, 1), without_last(b, 1)) + (a.back() != b.back());
  best = std::min(best, distance_by_definition(without_last(a, 1), b) + 1);
  best = std::min(best, distance_by_definition(a, without_last(b, 1)) + 1);
  if (a.size() > 1 && b.size() > 1 && a.back() == b[b.size() - 2] && a[a.size() - 2] == b.back())
    best = std::min(best, distance_by_definition(without_last(a, 2), without_last(b, 2)) + 1);
  return best;
}

TEST(EditDistance, EqualsItsDefinitionOnRandomWords) {
  Rng rng(2);
  for (int i = 0; i < 300; ++i) {
    std::string a, b;
    for (uint64_t n = rng.below(6); n > 0; --n) a += static_cast<char>('a' + rng.below(3));
    for (uint64_t n = rng.below(6); n > 0; --n) b += static_cast<char>('a' + rng.below(3));
    EXPECT_EQ(edit_distance(a, b), distance_by_definition(a, b)) << a << " " << b;
  }
}

TEST(NearestName, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known = {"convert", "compare", "eval"};
  EXPECT_EQ(nearest_name("covnert", known), "convert");
  EXPECT_EQ(nearest_name("Compare", known), "compare");
  EXPECT_EQ(nearest_name("zzzzzzz", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("x", {}), "");
  EXPECT_EQ(suggest("evl", known), "did you mean 'eval'?");
  EXPECT_EQ(suggest("zzzzzzz", known), "known: convert, compare, eval");
}

TEST(Registry, FindsByNameAndListsInOrder) {
  const Registry<int> numbers("number", {{"one", 1}, {"two", 2}, {"three", 3}});
  EXPECT_EQ(numbers.get("two"), 2);
  EXPECT_EQ(numbers.find("four"), nullptr);
  EXPECT_THAT(numbers.names(), testing::ElementsAre("one", "two", "three"));
  EXPECT_THAT(
      test::error_of([&] { numbers.get("thre", "--count"); }, Fault::usage),
      testing::AllOf(HasSubstr("--count: unknown number 'thre'"), HasSubstr("did you mean 'three'?")));
}

TEST(Error, IsOneLineWithItsParts) {
  const Error full({.where = "file", .found = "this", .expected = "that", .advice = "do so"}, Fault::usage);
  EXPECT_STREQ(full.what(), "file: this, expected that; do so");
  EXPECT_EQ(full.exit_code(), 2);
  EXPECT_STREQ(Error({.where = "file", .expected = "that"}).what(), "file: expected that");
  EXPECT_STREQ(Error({.found = "this"}).what(), "this");
  EXPECT_STREQ(Error({.where = std::string("a\nb\0c\xFF", 6)}).what(), "a\\nb\\x00c\xEF\xBF\xBD");
  errno = ENOSPC;
  EXPECT_EQ(system_error("write", "x").exit_code(), 4);
  errno = ENOENT;
  EXPECT_EQ(system_error("open", "x").exit_code(), 3);
  EXPECT_THROW(COPPICE_CHECK(1 == 2, "arithmetic"), InternalError);
}

}  // namespace
}  // namespace coppice
