#pragma once
// The script of a character (Unicode Standard Annex 24).

namespace coppice {

// A number for the script, the same for all characters of it; -1 for characters without one. Common and
// Inherited are scripts too.
int unicode_script(char32_t c);

// Its name in Unicode's data, as "Latin".
const char* unicode_script_name(int script);

}  // namespace coppice
