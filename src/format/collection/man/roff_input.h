#pragma once
// A page of troff as a list of text lines and calls of macros: comments, conditions, strings, registers and macros that the
// page defines itself are dealt with here.

#include <deque>

#include "format/collection/man/roff_escapes.h"

namespace coppice::man {

struct RoffLine {
  std::string macro;  // empty: a line of text
  std::string rest;   // the line, or what stands behind the macro's name; with escapes
};

class RoffInput {
 public:
  // `page` outlives the input; `where` names it in errors.
  RoffInput(std::string_view page, const std::string& where) : page_(page), escapes_(where) {}

  bool next(RoffLine& line);
  RoffEscapes& escapes() { return escapes_; }

 private:
  struct Macro {
    std::vector<std::string> lines;
  };

  bool raw_line(std::string& line);
  bool request(const std::string& name, std::string_view rest);
  void branch(bool holds, std::string_view rest);
  bool holds(std::string_view& rest);
  void skip_block(std::string_view rest);
  void define(std::string_view rest, bool more);
  void set_string(std::string_view rest, bool more);
  void set_register(std::string_view rest);
  void skip_to(const std::string& end, Macro* into);
  void call(const Macro& macro, std::string_view rest);

  std::string_view page_;
  std::deque<std::string> waiting_;  // lines that come before those of the page
  RoffEscapes escapes_;
  std::map<std::string, Macro, std::less<>> macros_;
  std::vector<bool> conditions_;  // of .ie whose .el may come
};

}  // namespace coppice::man
