#pragma once
// Finding the known name that a mistyped one was meant to be.

#include <span>
#include <string>
#include <string_view>

namespace coppice {

// Number of single-character insertions, deletions and replacements (and swaps of neighbours) between a and b.
int edit_distance(std::string_view a, std::string_view b);

// The known name closest to `name`, or empty when none is close enough to be worth suggesting.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

// "did you mean X?" or "known: a, b, c", ready to be an Error's advice.
std::string suggest(std::string_view name, std::span<const std::string> known);

}  // namespace coppice
