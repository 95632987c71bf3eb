#pragma once
// The byte alphabet of GPT-2 (Radford et al. 2019): every byte is written as one visible character, so that
// byte-level vocabularies are ordinary text. Bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for themselves,
// the others for U+0100, U+0101, … in order.

#include <string>
#include <string_view>

#include "text/rewrite.h"

namespace coppice {

// The character that stands for `byte`, as UTF-8.
const std::string& byte_character(unsigned char byte);

// The bytes that a spelling in the byte alphabet stands for; false if it has another character.
bool append_spelled_bytes(std::string_view spelling, std::string& bytes);

// Malformed UTF-8 cannot go through normalizers and regular expressions. `shelter_bytes` writes every byte of
// a malformed sequence as a private character of its own, U+10FF00 + byte (and so the bytes of those
// characters themselves); `spell_bytes` undoes that and spells all bytes in the byte alphabet.
void shelter_bytes(Rewrite& rewrite);
void spell_bytes(Rewrite& rewrite);
std::string shelter_bytes(std::string_view text);
std::string spell_bytes(std::string_view sheltered);

}  // namespace coppice
