// Oniguruma knows the scripts as properties of characters, one by one; a block of 128 characters is looked up when
// it is first asked for.

#include "text/unicode_script.h"

#include <array>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <oniguruma.h>

namespace coppice {
namespace {

constexpr const char* script_names[] = {
    "Common",
    "Latin",
    "Han",
    "Cyrillic",
    "Arabic",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Greek",
    "Hebrew",
    "Thai",
    "Devanagari",
    "Inherited",
    "Adlam",
    "Ahom",
    "Anatolian_Hieroglyphs",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Bassa_Vah",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Canadian_Aboriginal",
    "Carian",
    "Caucasian_Albanian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cypro_Minoan",
    "Deseret",
    "Dives_Akuru",
    "Dogra",
    "Duployan",
    "Egyptian_Hieroglyphs",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Gujarati",
    "Gunjala_Gondi",
    "Gurmukhi",
    "Hanifi_Rohingya",
    "Hanunoo",
    "Hatran",
    "Imperial_Aramaic",
    "Inscriptional_Pahlavi",
    "Inscriptional_Parthian",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Kayah_Li",
    "Kharoshthi",
    "Khitan_Small_Script",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Lepcha",
    "Limbu",
    "Linear_A",
    "Linear_B",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Masaram_Gondi",
    "Medefaidrin",
    "Meetei_Mayek",
    "Mende_Kikakui",
    "Meroitic_Cursive",
    "Meroitic_Hieroglyphs",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nandinagari",
    "New_Tai_Lue",
    "Newa",
    "Nko",
    "Nushu",
    "Nyiakeng_Puachue_Hmong",
    "Ogham",
    "Ol_Chiki",
    "Old_Hungarian",
    "Old_Italic",
    "Old_North_Arabian",
    "Old_Permic",
    "Old_Persian",
    "Old_Sogdian",
    "Old_South_Arabian",
    "Old_Turkic",
    "Old_Uyghur",
    "Oriya",
    "Osage",
    "Osmanya",
    "Pahawh_Hmong",
    "Palmyrene",
    "Pau_Cin_Hau",
    "Phags_Pa",
    "Phoenician",
    "Psalter_Pahlavi",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "SignWriting",
    "Sinhala",
    "Sogdian",
    "Sora_Sompeng",
    "Soyombo",
    "Sundanese",
    "Syloti_Nagri",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Tai_Le",
    "Tai_Tham",
    "Tai_Viet",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Warang_Citi",
    "Yezidi",
    "Yi",
    "Zanabazar_Square",
};

constexpr char32_t block = 128;
using Block = std::array<int16_t, block>;

// Properties of the scripts that this version of Oniguruma knows.
std::vector<int> script_properties() {
  OnigEncoding encoding = ONIG_ENCODING_UTF8;
  OnigEncoding encodings[] = {encoding};
  onig_initialize(encodings, 1);
  std::vector<int> properties;
  for (const std::string_view name : script_names) {
    std::string letters(name);
    auto* bytes = reinterpret_cast<OnigUChar*>(letters.data());
    properties.push_back(encoding->property_name_to_ctype(encoding, bytes, bytes + letters.size()));
  }
  return properties;
}

int look_up(char32_t c) {
  static const std::vector<int> properties = script_properties();
  for (size_t i = 0; i < properties.size(); ++i)
    if (properties[i] >= 0 &&
        ONIGENC_IS_CODE_CTYPE(ONIG_ENCODING_UTF8, c, static_cast<unsigned int>(properties[i])))
      return static_cast<int>(i);
  return -1;
}

}  // namespace

int unicode_script(char32_t c) {
  static std::mutex mutex;
  static std::unordered_map<char32_t, Block> blocks;
  const std::lock_guard lock(mutex);
  const auto [found, fresh] = blocks.try_emplace(c / block);
  if (fresh)
    for (char32_t i = 0; i < block; ++i)
      found->second[i] = static_cast<int16_t>(look_up(c / block * block + i));
  return found->second[c % block];
}

const char* unicode_script_name(int script) {
  return script_names[script];
}

}  // namespace coppice
