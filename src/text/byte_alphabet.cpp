#include "text/byte_alphabet.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/utf8.h"

namespace coppice {
namespace {

constexpr char32_t shelter = 0x10FF00;  // private use; + byte
constexpr char32_t alphabet_end = 0x144;

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, alphabet_end> bytes;

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      append_character(characters[static_cast<size_t>(byte)], c);
      bytes[c] = byte;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet all;
  return all;
}

bool is_shelter(char32_t c) {
  return c >= shelter && c < shelter + 256;
}

}  // namespace

const std::string& byte_character(unsigned char byte) {
  return alphabet().characters[byte];
}

bool append_spelled_bytes(std::string_view spelling, std::string& bytes) {
  const size_t before = bytes.size();
  for (size_t at = 0; at < spelling.size();) {
    const char32_t c = next_character(spelling, at);
    const int byte = c < alphabet_end ? alphabet().bytes[c] : -1;
    if (byte < 0) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(static_cast<char>(byte));
  }
  return true;
}

void shelter_bytes(Rewrite& rewrite) {
  const std::string_view text = rewrite.source();
  // The lead byte of every sheltering character is 0xF4.
  if (text.find('\xF4') == text.npos && is_utf8(text)) return rewrite.keep(0, text.size());
  std::string sheltering;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_sequence(text.substr(at));
    size_t behind = at;
    if (length > 0 && !is_shelter(next_character(text, behind))) {
      rewrite.keep(at, at + length);
      at += length;
      continue;
    }
    for (const size_t end = at + std::max<size_t>(1, length); at < end; ++at) {
      sheltering.clear();
      append_character(sheltering, shelter + static_cast<unsigned char>(text[at]));
      rewrite.put(sheltering, {at, at + 1});
    }
  }
}

void spell_bytes(Rewrite& rewrite) {
  const std::string_view text = rewrite.source();
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '\xF4') {
      size_t behind = at;
      if (const char32_t c = next_character(text, behind); is_shelter(c)) {
        rewrite.put(byte_character(static_cast<unsigned char>(c - shelter)), {at, behind});
        at = behind;
        continue;
      }
    }
    rewrite.put(byte_character(static_cast<unsigned char>(text[at])), {at, at + 1});
    ++at;
  }
}

std::string shelter_bytes(std::string_view text) {
  Rewrite rewrite(text, false);
  shelter_bytes(rewrite);
  return rewrite.take_text();
}

std::string spell_bytes(std::string_view sheltered) {
  Rewrite rewrite(sheltered, false);
  spell_bytes(rewrite);
  return rewrite.take_text();
}

}  // namespace coppice
