#include "format/collection/man/man_macros.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace coppice::man {
namespace {

bool among(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<std::string> ManMacros::arguments(const RoffLine& line) {
  auto words = split_arguments(line.rest);
  for (auto& word : words) word = escapes_.text(word);
  return words;
}

void ManMacros::put(std::string_view words) {
  if (!heading_.empty()) {
    const std::string macro = std::exchange(heading_, "");
    if (macro == "SH")
      text_.begin_section(words);
    else
      text_.put_heading(words);
    return;
  }
  text_.put(words);
  if (std::exchange(tag_, false)) text_.end_line();
}

void ManMacros::font(const std::vector<std::string>& words, const char* separator) {
  if (words.empty()) return;  // of the next line
  std::string joined_words;
  for (const auto& word : words) joined_words += (joined_words.empty() ? "" : separator) + word;
  put(joined_words);
}

void ManMacros::text(const RoffLine& line) {
  if (!picture_.empty()) return;
  if (table_ != Table::none) return table_line(line.rest);
  put(escapes_.text(line.rest));
}

void ManMacros::table_line(const std::string& raw) {
  if (table_ == Table::options) {
    table_ = Table::format;
    const std::string_view options = trim(raw);
    if (options.ends_with(';')) {
      const size_t tab = options.find("tab");
      const size_t open = tab == options.npos ? tab : options.find('(', tab);
      if (open != options.npos && open + 1 < options.size()) column_ = options[open + 1];
      return;
    }
  }
  if (table_ == Table::format) {
    if (trim(raw).ends_with('.')) table_ = Table::data;
    return;
  }
  if (block_) {
    if (!raw.starts_with("T}")) return text_.put(escapes_.text(raw));
    block_ = false;
    text_.set_filled(false);
    if (raw.size() > 3) table_line(raw.substr(3));
    return;
  }
  if (trim(raw).find_first_not_of("_=-") == std::string_view::npos && !trim(raw).empty()) return;
  std::string row;
  for (auto& cell : split(raw, column_)) {
    if (cell == "T{") {
      block_ = true;
      continue;
    }
    const std::string shown = escapes_.text(cell);
    const auto bare = trim(shown);
    if (bare.empty() || bare == "_" || bare == "=" || bare == "^") continue;
    if (!row.empty()) row += "  ";
    row += bare;
  }
  if (!row.empty()) text_.put(row);
  if (block_) text_.set_filled(true);
}

void ManMacros::macro(const RoffLine& line) {
  const auto& name = line.macro;
  if (!picture_.empty()) {
    if (name == picture_) picture_.clear();
    return;
  }
  if (name == "TE") {
    table_ = Table::none;
    block_ = false;
    text_.set_filled(true);
    text_.end_paragraph();
    return;
  }
  if (name == "TS" || name == "T&") {
    if (name == "TS") {
      text_.end_paragraph();
      column_ = '\t';
    }
    table_ = name == "TS" ? Table::options : Table::format;
    text_.set_filled(false);
    return;
  }
  if (table_ == Table::options || table_ == Table::format) return;
  const auto words = arguments(line);
  const std::string first = words.empty() ? "" : words[0];
  if (name == "TH") {
    if (words.size() > 2 && header_.date.empty()) header_.date = words[2];
    if (words.size() > 1) header_.section = words[1];
    header_.name = first;
  } else if (name == "SH" || name == "SS") {
    tag_ = false;
    heading_ = name;
    if (!words.empty()) font(words, " ");
  } else if (among(name, {"B", "I", "R", "SM", "SB", "CW", "C"})) {
    font(words, " ");
  } else if (among(name, {"BR", "RB", "BI", "IB", "IR", "RI", "CR", "RC", "CB", "CI"})) {
    font(words, "");
  } else if (among(name, {"TP", "TQ"})) {
    name == "TP" ? text_.end_paragraph() : text_.end_line();
    tag_ = true;
  } else if (name == "IP") {
    text_.end_paragraph();
    if (!first.empty()) {
      put(first);
      if (first.size() > 3) text_.end_line();  // a bullet or a number stays before its text
    }
  } else if (among(name, {"PP", "P", "LP", "HP", "Sp"})) {
    text_.end_paragraph();
  } else if (!requests(name, words)) {
    links(name, words);
  }
}

bool ManMacros::requests(const std::string& name, const std::vector<std::string>& words) {
  if (among(name, {"nf", "EX", "Vb", "CS", "DS"})) {
    text_.set_filled(false);
  } else if (among(name, {"fi", "EE", "Ve", "CE", "DE"})) {
    text_.set_filled(true);
  } else if (name == "sp") {
    text_.end_paragraph();
  } else if (among(name, {"br", "RS", "RE", "in", "ti", "ce", "YS", "bp", "ta"})) {
    text_.end_line();
  } else if (name == "PS") {
    picture_ = "PE";
  } else if (name == "OP") {
    std::string option;
    for (const auto& word : words) option += (option.empty() ? "" : " ") + word;
    put("[" + option + "]");
  } else if (name == "SY") {
    text_.end_line();
    font(words, " ");
  } else if (name == "so" || name == "mso") {
    // another file, which is not read
  } else {
    return false;
  }
  return true;
}

bool ManMacros::links(const std::string& name, const std::vector<std::string>& words) {
  const std::string first = words.empty() ? "" : words[0];
  const std::string rest = words.size() > 1 ? words[1] : "", tail = words.size() > 2 ? words[2] : "";
  if (name == "UR" || name == "MT") {
    link_ = first;
  } else if (name == "UE" || name == "ME") {
    put("<" + std::exchange(link_, "") + ">" + first);
  } else if (name == "URL" || name == "MTO") {
    put((rest.empty() ? "" : rest + " ") + "<" + first + ">" + tail);
  } else {
    return false;
  }
  return true;
}

}  // namespace coppice::man
