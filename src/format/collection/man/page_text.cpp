#include "format/collection/man/page_text.h"

#include "base/strings.h"
#include "format/collection/man/roff_escapes.h"

namespace coppice::man {

void PageText::put(std::string_view text_to_put) {
  const bool joins = text_to_put.ends_with(joined);
  std::string clean;
  for (const char c : text_to_put)
    if (c != joined) clean += c;
  const auto shown =
      filled_ ? trim(clean) : std::string_view(clean).substr(0, clean.find_last_not_of(" \t") + 1);
  if (shown.empty()) {
    if (!joined_) end_paragraph();
    return;
  }
  // An indented line of filled text begins a line, as troff has it.
  if (filled_ && !joined_ && clean[0] == ' ') end_line();
  if (!text().empty() && !joined_) text() += gap_ ? "\n\n" : line_ended_ || !filled_ ? "\n" : " ";
  text() += shown;
  gap_ = line_ended_ = false;
  joined_ = joins;
}

void PageText::set_filled(bool filled) {
  end_line();
  filled_ = filled;
}

void PageText::end_line() {
  line_ended_ = true;
  joined_ = false;
}

void PageText::end_paragraph() {
  end_line();
  gap_ = true;
}

void PageText::begin_section(std::string_view heading) {
  sections_.push_back({std::string(trim(heading)), ""});
  end_line();
  gap_ = false;
  filled_ = true;
}

void PageText::put_heading(std::string_view heading) {
  end_paragraph();
  const bool before = filled_;
  filled_ = true;
  put(heading);
  filled_ = before;
  end_line();
}

std::vector<PageText::Section> PageText::take() {
  return std::move(sections_);
}

}  // namespace coppice::man
