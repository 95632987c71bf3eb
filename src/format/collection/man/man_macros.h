#pragma once
// The macros of man(7), and those that groff, Pod::Man and DocBook add.

#include "format/collection/man/page_header.h"
#include "format/collection/man/page_text.h"
#include "format/collection/man/roff_input.h"

namespace coppice::man {

class ManMacros {
 public:
  ManMacros(RoffEscapes& escapes, PageText& text, PageHeader& header)
      : escapes_(escapes), text_(text), header_(header) {}

  void macro(const RoffLine& line);
  void text(const RoffLine& line);

 private:
  enum class Table { none, options, format, data };

  std::vector<std::string> arguments(const RoffLine& line);
  void put(std::string_view words);
  void font(const std::vector<std::string>& words, const char* separator);
  bool requests(const std::string& name, const std::vector<std::string>& words);
  bool links(const std::string& name, const std::vector<std::string>& words);
  void table_line(const std::string& raw);

  RoffEscapes& escapes_;
  PageText& text_;
  PageHeader& header_;
  std::string heading_;         // SH or SS, whose words are the next line
  bool tag_ = false;            // the next line is the tag of a paragraph
  std::string link_, picture_;  // the address of UR or MT; the macro that ends what is no text
  Table table_ = Table::none;
  char column_ = '\t';
  bool block_ = false;  // within T{ … T} of a table
};

}  // namespace coppice::man
