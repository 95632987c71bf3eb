#include "format/collection/man/mdoc_macros.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace coppice::man {
namespace {

struct Enclosure {
  const char *name, *open, *close;
};

// Around the rest of the line.
constexpr Enclosure around_rest[] = {
    {"Aq", "<", ">"}, {"Bq", "[", "]"}, {"Brq", "{", "}"},  {"Dq", "“", "”"}, {"Op", "[", "]"},
    {"Pq", "(", ")"}, {"Ql", "‘", "’"}, {"Qq", "\"", "\""}, {"Sq", "‘", "’"}, {"En", "", ""}};
// Opened by one macro and closed by another.
constexpr Enclosure openers[] = {{"Ao", "<", ""},  {"Bo", "[", ""}, {"Bro", "{", ""},
                                 {"Do", "“", ""},  {"Oo", "[", ""}, {"Po", "(", ""},
                                 {"Qo", "\"", ""}, {"So", "‘", ""}, {"Eo", "", ""}};
constexpr Enclosure closers[] = {{"Ac", "", ">"},  {"Bc", "", "]"}, {"Brc", "", "}"},
                                 {"Dc", "", "”"},  {"Oc", "", "]"}, {"Pc", "", ")"},
                                 {"Qc", "", "\""}, {"Sc", "", "’"}, {"Ec", "", ""}};
constexpr std::string_view plain[] = {"Ad", "An", "Cd", "Cm", "Dv", "Em", "Er", "Ev", "Fa", "Fd", "Ft",
                                      "Ic", "Lb", "Li", "Lk", "Ms", "Mt", "No", "Sx", "Sy", "Tn", "Va",
                                      "Vt", "Dl", "D1", "Xo", "Xc", "%A", "%B", "%C", "%D", "%I", "%J",
                                      "%N", "%O", "%P", "%Q", "%R", "%T", "%U", "%V"};
constexpr std::string_view others[] = {"Ap", "Ar", "At", "Bx", "Bsx", "Dx", "Fl", "Fn", "Fo", "Fc", "Fx",
                                       "In", "Nm", "Ns", "Nx", "Ox",  "Pa", "Pf", "St", "Ta", "Ux", "Xr"};

template <size_t n>
const Enclosure* find(const Enclosure (&list)[n], std::string_view name) {
  for (const auto& enclosure : list)
    if (enclosure.name == name) return &enclosure;
  return nullptr;
}

template <size_t n>
bool contains(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_callable(std::string_view name) {
  return contains(plain, name) || contains(others, name) || find(around_rest, name) || find(openers, name) ||
         find(closers, name);
}

bool closes(std::string_view word) {
  return word.size() == 1 && std::string_view(".,:;)]?!").find(word[0]) != std::string_view::npos;
}

bool opens(std::string_view word) {
  return word == "(" || word == "[";
}

std::string system_name(std::string_view macro) {
  constexpr std::pair<std::string_view, const char*> names[] = {
      {"Ux", "UNIX"},      {"Fx", "FreeBSD"}, {"Nx", "NetBSD"},   {"Ox", "OpenBSD"},
      {"Dx", "DragonFly"}, {"Bsx", "BSD/OS"}, {"At", "AT&T UNIX"}};
  for (const auto& [name, text] : names)
    if (name == macro) return text;
  return "";
}

std::string standard_name(std::string_view key) {
  constexpr std::pair<std::string_view, const char*> names[] = {
      {"-ansiC", "ANSI X3.159-1989 (“ANSI C89”)"},
      {"-isoC", "ISO/IEC 9899:1990 (“ISO C90”)"},
      {"-isoC-99", "ISO/IEC 9899:1999 (“ISO C99”)"},
      {"-isoC-2011", "ISO/IEC 9899:2011 (“ISO C11”)"},
      {"-p1003.1", "IEEE Std 1003.1 (“POSIX.1”)"},
      {"-p1003.1-88", "IEEE Std 1003.1-1988 (“POSIX.1”)"},
      {"-p1003.1-90", "IEEE Std 1003.1-1990 (“POSIX.1”)"},
      {"-p1003.1-96", "ISO/IEC 9945-1:1996 (“POSIX.1”)"},
      {"-p1003.1-2001", "IEEE Std 1003.1-2001 (“POSIX.1”)"},
      {"-p1003.1-2004", "IEEE Std 1003.1-2004 (“POSIX.1”)"},
      {"-p1003.1-2008", "IEEE Std 1003.1-2008 (“POSIX.1”)"},
      {"-p1003.2", "IEEE Std 1003.2 (“POSIX.2”)"},
      {"-p1003.2-92", "IEEE Std 1003.2-1992 (“POSIX.2”)"},
      {"-susv2", "Version 2 of the Single UNIX Specification (“SUSv2”)"},
      {"-susv3", "Version 3 of the Single UNIX Specification (“SUSv3”)"},
      {"-xpg4", "X/Open Portability Guide Issue 4 (“XPG4”)"},
      {"-xpg4.2", "X/Open Portability Guide Issue 4, Version 2 (“XPG4.2”)"}};
  for (const auto& [name, text] : names)
    if (name == key) return text;
  return std::string(key.substr(key.starts_with('-')));
}

}  // namespace

void MdocMacros::word(std::string_view text) {
  if (text.empty()) return;
  if (closes(text)) glue();
  if (!glued_ && spacing_) line_ += ' ';
  line_ += text;
  glued_ = opens(text);
}

void MdocMacros::flush() {
  if (!line_.empty()) text_.put(line_);
  line_.clear();
  glued_ = true;
}

void MdocMacros::text(const RoffLine& line) {
  text_.put(escapes_.text(line.rest));
}

void MdocMacros::macro(const RoffLine& line) {
  auto words = split_arguments(line.rest);
  for (auto& word : words) word = escapes_.text(word);
  if (blocks(line.macro, words)) return;
  if (!is_callable(line.macro)) return;
  words.insert(words.begin(), line.macro);
  const bool own_line = line.macro == "D1" || line.macro == "Dl";
  if (own_line) text_.end_line();
  run(words, 0, words.size());
  flush();
  if (own_line) text_.end_line();
}

// Macros that stand only at the begin of a line and do not call others, or say how a whole line is laid out.
bool MdocMacros::blocks(const std::string& name, const Words& words) {
  const std::string first = words.empty() ? "" : words[0];
  const auto run_all = [&] {
    run(words, 0, words.size());
    std::string made = std::exchange(line_, "");
    glued_ = true;
    return made;
  };
  if (name == "Dt") {
    header_.name = first;
    if (words.size() > 1) header_.section = words[1];
  } else if (name == "Dd") {
    for (const auto& word : words) header_.date += (header_.date.empty() ? "" : " ") + word;
  } else if (name == "Sh") {
    tag_lists_.clear();
    text_.begin_section(run_all());
  } else if (name == "Ss") {
    text_.put_heading(run_all());
  } else if (name == "Nd") {
    text_.put("— " + run_all());
  } else if (name == "Pp" || name == "Lp" || name == "sp") {
    text_.end_paragraph();
  } else if (name == "Bl") {
    text_.end_line();
    constexpr std::string_view without[] = {"-bullet", "-dash", "-hyphen", "-item", "-enum"};
    const bool tagged = std::none_of(words.begin(), words.end(),
                                     [&without](const std::string& word) { return contains(without, word); });
    if (tag_lists_.size() < 1000) tag_lists_.push_back(tagged);
  } else if (name == "El") {
    if (!tag_lists_.empty()) tag_lists_.pop_back();
    text_.end_paragraph();
  } else if (name == "It") {
    text_.end_paragraph();
    if (tag_lists_.empty() || tag_lists_.back()) {
      text_.put(words.empty() ? "•" : run_all());
      text_.end_line();
    } else {
      text_.put("•");
    }
  } else if (name == "Bd") {
    text_.end_paragraph();
    const bool literal = std::any_of(words.begin(), words.end(), [](const std::string& word) {
      return word == "-literal" || word == "-unfilled";
    });
    text_.set_filled(!literal);
  } else if (name == "Ed") {
    text_.set_filled(true);
  } else if (name == "nf" || name == "fi") {
    text_.set_filled(name == "fi");
  } else if (name == "br" || name == "Rs" || name == "Re") {
    text_.end_line();
  } else if (name == "Ex" || name == "Rv") {
    sentence(name, words);
  } else if (name == "Sm") {
    spacing_ = first == "on" || (first.empty() && !spacing_);
  } else {
    constexpr std::string_view silent[] = {"Os", "Bk", "Ek", "Bf", "Ef", "Tg", "Db", "Hf", "Ud"};
    return contains(silent, name);
  }
  return true;
}

void MdocMacros::sentence(const std::string& name, const Words& words) {
  std::string names;
  for (const auto& word : words)
    if (word != "-std") names += (names.empty() ? "" : ", ") + word;
  if (names.empty()) names = name_;
  if (name == "Ex")
    text_.put("The " + names + " utility exits 0 on success, and >0 if an error occurs.");
  else
    text_.put("The " + names +
              "() function returns the value 0 if successful; otherwise the value -1 is returned and errno "
              "is set to "
              "indicate the error.");
}

// Where the arguments of a macro end: at the next macro.
size_t MdocMacros::arguments_end(const Words& words, size_t begin, size_t end) const {
  while (begin < end && !is_callable(words[begin])) ++begin;
  return begin;
}

void MdocMacros::run(const Words& words, size_t begin, size_t end) {
  for (size_t at = begin; at < end;) {
    if (is_callable(words[at])) {
      at = run_macro(words[at], words, at + 1, end);
    } else {
      word(words[at]);
      ++at;
    }
  }
}

void MdocMacros::enclose(const std::string& open, const std::string& close, const Words& words, size_t begin,
                         size_t end) {
  constexpr int deepest = 100;
  if (depth_ == deepest) return;
  ++depth_;
  size_t inner_end = end;
  while (inner_end > begin && closes(words[inner_end - 1])) --inner_end;
  word(open);
  glue();
  run(words, begin, inner_end);
  glue();
  word(close);
  run(words, inner_end, end);
  --depth_;
}

size_t MdocMacros::name_of_page(const Words& words, size_t begin, size_t end) {
  if (begin < end && !is_callable(words[begin]) && !closes(words[begin])) {
    if (name_.empty()) name_ = words[begin];
    word(words[begin]);
    return begin + 1;
  }
  word(name_);
  return begin;
}

size_t MdocMacros::function(const Words& words, size_t begin, size_t end) {
  if (begin == end) return end;
  std::string call = words[begin] + "(";
  size_t at = begin + 1;
  for (bool first = true; at < end && !is_callable(words[at]) && !closes(words[at]); ++at, first = false)
    call += (first ? "" : ", ") + words[at];
  word(call + ")");
  return at;
}

// One macro whose arguments begin at `begin`; returns where the next one begins.
size_t MdocMacros::run_macro(const std::string& name, const Words& words, size_t begin, size_t end) {
  if (const auto* enclosure = find(around_rest, name)) {
    enclose(enclosure->open, enclosure->close, words, begin, end);
    return end;
  }
  if (const auto* opener = find(openers, name)) {
    word(opener->open);
    glue();
    return begin;
  }
  if (const auto* closer = find(closers, name)) {
    glue();
    word(closer->close);
    return begin;
  }
  const size_t stop = arguments_end(words, begin, end);
  const bool none = begin == stop || closes(words[begin]);
  if (name == "Ns" || name == "Ap") {
    glue();
    if (name == "Ap") word("'");
    glue();
    return begin;
  }
  if (name == "Nm") return name_of_page(words, begin, end);
  if (name == "Fn") return function(words, begin, end);
  if (name == "Fo") {
    word(begin < end ? words[begin] + "(" : "(");
    glue();
    return std::min(begin + 1, end);
  }
  if (name == "Fc") {
    glue();
    word(")");
    return begin;
  }
  if (name == "Pf") {
    if (begin < end) word(words[begin]);
    glue();
    return std::min(begin + 1, end);
  }
  if (name == "Ta") {
    line_ += "  ";
    glue();
    return begin;
  }
  if (name == "Xr" && !none) {
    const bool section = begin + 1 < stop && !closes(words[begin + 1]);
    word(section ? words[begin] + "(" + words[begin + 1] + ")" : words[begin]);
    return begin + 1 + section;
  }
  if (name == "In" && !none) {
    word("<" + words[begin] + ">");
    return begin + 1;
  }
  if (name == "St" && !none) {
    word(standard_name(words[begin]));
    return begin + 1;
  }
  if (name == "Bx") {
    word(none ? "BSD" : words[begin] + "BSD");
    return none ? begin : begin + 1;
  }
  if (const auto system = system_name(name); !system.empty()) {
    word(system);
    return begin;
  }
  if (name == "Fl") {
    if (none) word("-");
    for (size_t at = begin; at < stop; ++at)
      word(closes(words[at]) || opens(words[at]) ? words[at] : "-" + words[at]);
    return stop;
  }
  if (none && name == "Ar") word("file ...");
  if (none && name == "Pa") word("~");
  for (size_t at = begin; at < stop; ++at)
    if (name != "An" || words[at] != "-split") word(words[at]);
  if (name[0] == '%' && !line_.empty() && line_.back() != '.') line_ += ',';
  return stop;
}

}  // namespace coppice::man
