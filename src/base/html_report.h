#pragma once
// A self-contained HTML page: headings, paragraphs, tables, plots. No scripts, nothing loaded from elsewhere.

#include <string>
#include <string_view>

#include "base/table.h"

namespace coppice {

class HtmlReport {
 public:
  explicit HtmlReport(std::string title);

  void heading(std::string_view text);
  void paragraph(std::string_view text);
  void code(std::string_view text);  // preformatted
  void table(const Table& table);
  void svg(std::string_view svg);  // from base/plot.h

  std::string html() const;

 private:
  std::string title_, body_;
};

}  // namespace coppice
