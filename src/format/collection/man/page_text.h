#pragma once
// The text of a man page as it grows: sections of paragraphs and lines.

#include <string>
#include <string_view>
#include <vector>

namespace coppice::man {

class PageText {
 public:
  // A line of filled text goes on behind a space, one of unfilled text on a line of its own.
  void put(std::string_view text);
  // Several words of one line, each where the last ended.
  void set_filled(bool filled);
  bool filled() const { return filled_; }
  void end_line();
  void end_paragraph();
  void begin_section(std::string_view heading);
  void put_heading(std::string_view heading);

  struct Section {
    std::string heading, text;
  };
  std::vector<Section> take();

 private:
  std::string& text() { return sections_.back().text; }

  std::vector<Section> sections_ = {{}};
  bool filled_ = true, line_ended_ = true, gap_ = false, joined_ = false;
};

}  // namespace coppice::man
