#pragma once
// The macros of mdoc(7), whose arguments may be macros again.

#include "format/collection/man/page_header.h"
#include "format/collection/man/page_text.h"
#include "format/collection/man/roff_input.h"

namespace coppice::man {

class MdocMacros {
 public:
  MdocMacros(RoffEscapes& escapes, PageText& text, PageHeader& header)
      : escapes_(escapes), text_(text), header_(header) {}

  void macro(const RoffLine& line);
  void text(const RoffLine& line);

 private:
  using Words = std::vector<std::string>;

  bool blocks(const std::string& name, const Words& words);
  void run(const Words& words, size_t begin, size_t end);
  size_t run_macro(const std::string& name, const Words& words, size_t begin, size_t end);
  size_t name_of_page(const Words& words, size_t begin, size_t end);
  size_t function(const Words& words, size_t begin, size_t end);
  void enclose(const std::string& open, const std::string& close, const Words& words, size_t begin,
               size_t end);
  void sentence(const std::string& name, const Words& words);
  size_t arguments_end(const Words& words, size_t begin, size_t end) const;

  void word(std::string_view text);
  void glue() { glued_ = true; }
  void flush();

  RoffEscapes& escapes_;
  PageText& text_;
  PageHeader& header_;
  std::string name_, line_;
  std::string function_;  // of Fo … Fc
  bool glued_ = true, spacing_ = true;
  int depth_ = 0;                // of macros within macros
  std::vector<bool> tag_lists_;  // of the open lists: whether items have a tag
};

}  // namespace coppice::man
