#include "format/collection/man/special_characters.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "format/collection/append_utf8.h"

namespace coppice::man {
namespace {

constexpr std::pair<std::string_view, std::string_view> characters[] = {
    {"em", "—"}, {"en", "–"},  {"hy", "-"},  {"mi", "−"},  {"-", "-"},   {"bu", "•"},      {"sq", "□"},
    {"lq", "“"}, {"rq", "”"},  {"oq", "‘"},  {"cq", "’"},  {"aq", "'"},  {"dq", "\""},     {"Bq", "„"},
    {"bq", "‚"}, {"Fo", "«"},  {"Fc", "»"},  {"fo", "‹"},  {"fc", "›"},  {"ga", "`"},      {"aa", "´"},
    {"ha", "^"}, {"ti", "~"},  {"rs", "\\"}, {"sl", "/"},  {"ba", "|"},  {"br", "│"},      {"ul", "_"},
    {"rn", "‾"}, {"bv", "|"},  {"bb", "¦"},  {"at", "@"},  {"sh", "#"},  {"Do", "$"},      {"ct", "¢"},
    {"Eu", "€"}, {"eu", "€"},  {"Ye", "¥"},  {"Po", "£"},  {"Cs", "¤"},  {"de", "°"},      {"dg", "†"},
    {"dd", "‡"}, {"sc", "§"},  {"ps", "¶"},  {"co", "©"},  {"rg", "®"},  {"tm", "™"},      {"fm", "′"},
    {"sd", "″"}, {"mc", "µ"},  {"Of", "ª"},  {"Om", "º"},  {"r!", "¡"},  {"r?", "¿"},      {"lB", "["},
    {"rB", "]"}, {"lC", "{"},  {"rC", "}"},  {"la", "⟨"},  {"ra", "⟩"},  {"<-", "←"},      {"->", "→"},
    {"<>", "↔"}, {"da", "↓"},  {"ua", "↑"},  {"va", "↕"},  {"lA", "⇐"},  {"rA", "⇒"},      {"hA", "⇔"},
    {"+-", "±"}, {"mu", "×"},  {"di", "÷"},  {"pl", "+"},  {"eq", "="},  {"==", "≡"},      {"!=", "≠"},
    {"<=", "≤"}, {">=", "≥"},  {"~~", "≈"},  {"=~", "≅"},  {"ap", "∼"},  {"if", "∞"},      {"sr", "√"},
    {"no", "¬"}, {"tno", "¬"}, {"AN", "∧"},  {"OR", "∨"},  {"fa", "∀"},  {"te", "∃"},      {"mo", "∈"},
    {"nm", "∉"}, {"es", "∅"},  {"ca", "∩"},  {"cu", "∪"},  {"sb", "⊂"},  {"sp", "⊃"},      {"ib", "⊆"},
    {"ip", "⊇"}, {"pd", "∂"},  {"gr", "∇"},  {"is", "∫"},  {"sum", "∑"}, {"product", "∏"}, {"pt", "∝"},
    {"**", "∗"}, {"pc", "·"},  {"md", "⋅"},  {"12", "½"},  {"14", "¼"},  {"34", "¾"},      {"S1", "¹"},
    {"S2", "²"}, {"S3", "³"},  {"ff", "ff"}, {"fi", "fi"}, {"fl", "fl"}, {"Fi", "ffi"},    {"Fl", "ffl"},
    {"ss", "ß"}, {"AE", "Æ"},  {"ae", "æ"},  {"OE", "Œ"},  {"oe", "œ"},  {"/O", "Ø"},      {"/o", "ø"},
    {"/L", "Ł"}, {"/l", "ł"},  {"-D", "Ð"},  {"Sd", "ð"},  {"TP", "Þ"},  {"Tp", "þ"},      {".i", "ı"},
    {"'A", "Á"}, {"'E", "É"},  {"'I", "Í"},  {"'O", "Ó"},  {"'U", "Ú"},  {"'Y", "Ý"},      {"'a", "á"},
    {"'e", "é"}, {"'i", "í"},  {"'o", "ó"},  {"'u", "ú"},  {"'y", "ý"},  {":A", "Ä"},      {":E", "Ë"},
    {":I", "Ï"}, {":O", "Ö"},  {":U", "Ü"},  {":a", "ä"},  {":e", "ë"},  {":i", "ï"},      {":o", "ö"},
    {":u", "ü"}, {":y", "ÿ"},  {"^A", "Â"},  {"^E", "Ê"},  {"^I", "Î"},  {"^O", "Ô"},      {"^U", "Û"},
    {"^a", "â"}, {"^e", "ê"},  {"^i", "î"},  {"^o", "ô"},  {"^u", "û"},  {"`A", "À"},      {"`E", "È"},
    {"`I", "Ì"}, {"`O", "Ò"},  {"`U", "Ù"},  {"`a", "à"},  {"`e", "è"},  {"`i", "ì"},      {"`o", "ò"},
    {"`u", "ù"}, {"~A", "Ã"},  {"~N", "Ñ"},  {"~O", "Õ"},  {"~a", "ã"},  {"~n", "ñ"},      {"~o", "õ"},
    {"vS", "Š"}, {"vs", "š"},  {"vZ", "Ž"},  {"vz", "ž"},  {",C", "Ç"},  {",c", "ç"},      {"oA", "Å"},
    {"oa", "å"}, {"*A", "Α"},  {"*B", "Β"},  {"*G", "Γ"},  {"*D", "Δ"},  {"*E", "Ε"},      {"*W", "Ω"},
    {"*a", "α"}, {"*b", "β"},  {"*g", "γ"},  {"*d", "δ"},  {"*e", "ε"},  {"*z", "ζ"},      {"*y", "η"},
    {"*h", "θ"}, {"*i", "ι"},  {"*k", "κ"},  {"*l", "λ"},  {"*m", "μ"},  {"*n", "ν"},      {"*c", "ξ"},
    {"*o", "ο"}, {"*p", "π"},  {"*r", "ρ"},  {"*s", "σ"},  {"*t", "τ"},  {"*u", "υ"},      {"*f", "φ"},
    {"*x", "χ"}, {"*q", "ψ"},  {"*w", "ω"},  {"*S", "Σ"},  {"*P", "Π"},  {"*L", "Λ"},      {"*F", "Φ"},
    {"OK", "✓"}, {"ci", "○"},  {"lh", "☜"},  {"rh", "☞"},  {"CL", "♣"},  {"SP", "♠"},      {"HE", "♥"},
    {"DI", "♦"}, {"Fn", "ƒ"},  {"Ah", "ℵ"},  {"lz", "◊"},  {"CR", "↵"},  {"nb", "⊄"},      {"nc", "⊅"},
};

std::optional<std::string> by_number(std::string_view digits, int base) {
  uint32_t c = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), c, base);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || c < 0x20 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return std::nullopt;
  std::string text;
  append_utf8(text, c);
  return text;
}

}  // namespace

std::optional<std::string> special_character(std::string_view name) {
  for (const auto& [known, text] : characters)
    if (known == name) return std::string(text);
  if (name.size() > 4 && name[0] == 'u') {
    std::string text;
    for (size_t begin = 1; begin <= name.size();) {  // u0041_0301: a letter and its marks
      const size_t end = std::min(name.find('_', begin), name.size());
      const auto part = by_number(name.substr(begin, end - begin), 16);
      if (!part) return std::nullopt;
      text += *part;
      begin = end + 1;
    }
    return text;
  }
  if (name.starts_with("char")) return by_number(name.substr(4), 10);
  return std::nullopt;
}

}  // namespace coppice::man
