#pragma once

namespace coppice {

// Advice where a file of an index is not what its writer left.
inline constexpr const char* see_the_damage = "see what else is damaged with: coppice index verify INDEX";

}  // namespace coppice
