#pragma once
// The named characters of troff, as \(em or \[em].

#include <optional>
#include <string>
#include <string_view>

namespace coppice::man {

// In UTF-8; also \[u00E9] and \[char233]. Nothing for a name that is not known.
std::optional<std::string> special_character(std::string_view name);

}  // namespace coppice::man
