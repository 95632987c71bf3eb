#include "base/table.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/strings.h"

namespace coppice {
namespace {

// Columns on a terminal: code points, which is right for the scripts that our tables hold.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.,+-%kMGTe/ ±x") == std::string::npos &&
         text.find_first_of("0123456789") != std::string::npos;
}

std::string padded(const std::string& text, size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? space + text : text + space;
}

// The cell with what would end it replaced: each character of `breaking` becomes a space, a bar is escaped
// for Markdown.
std::string contained(const std::string& cell, std::string_view breaking, bool escape_bar) {
  std::string out;
  for (const char c : cell) {
    if (escape_bar && c == '|') out += '\\';
    out += breaking.find(c) != breaking.npos ? ' ' : c;
  }
  return out;
}

std::vector<std::string> contained(const std::vector<std::string>& cells, std::string_view breaking,
                                   bool escape_bar) {
  std::vector<std::string> out;
  for (const auto& cell : cells) out.push_back(contained(cell, breaking, escape_bar));
  return out;
}

}  // namespace

void Table::add_row(std::vector<std::string> cells) {
  COPPICE_CHECK(cells.size() == columns_.size(), "a row has one cell per column");
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::string out;
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    size_t width = width_of(columns_[c]);
    for (const auto& row : rows_) width = std::max(width, width_of(row[c]));
    widths.push_back(width);
  }
  auto line = [&](const std::vector<std::string>& cells, bool header) {
    std::string text;
    for (size_t c = 0; c < cells.size(); ++c) {
      const bool right = header ? !rows_.empty() && is_number(rows_[0][c]) : is_number(cells[c]);
      if (c > 0) text += "  ";
      text += padded(cells[c], widths[c], right);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(columns_, true);
  for (const auto& row : rows_) line(row, false);
  return out;
}

std::string Table::markdown() const {
  std::string out = fmt::format("| {} |\n|", fmt::join(contained(columns_, "\r\n", true), " | "));
  for (size_t c = 0; c < columns_.size(); ++c)
    out += !rows_.empty() && is_number(rows_[0][c]) ? "---:|" : "---|";
  out += "\n";
  for (const auto& row : rows_)
    out += fmt::format("| {} |\n", fmt::join(contained(row, "\r\n", true), " | "));
  return out;
}

std::string Table::tsv() const {
  std::string out = fmt::format("{}\n", fmt::join(columns_, "\t"));
  for (const auto& row : rows_) out += fmt::format("{}\n", fmt::join(contained(row, "\t\r\n", false), "\t"));
  return out;
}

std::string Table::html() const {
  std::string out = "<table>\n<tr>";
  for (const auto& column : columns_) out += fmt::format("<th>{}</th>", html_escape(column));
  out += "</tr>\n";
  for (const auto& row : rows_) {
    out += "<tr>";
    for (const auto& cell : row)
      out += fmt::format("<td{}>{}</td>", is_number(cell) ? " class=\"n\"" : "", html_escape(cell));
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

}  // namespace coppice
