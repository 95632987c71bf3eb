#include "base/html_report.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace coppice {
namespace {

constexpr std::string_view style =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2937}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .7rem;border-bottom:1px solid "
    "#e5e7eb;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}th{background:#f3f4f6}"
    "pre{background:#f3f4f6;padding:.8rem;overflow-x:auto;white-space:pre-wrap}svg{max-width:100%;height:"
    "auto}";

}  // namespace

HtmlReport::HtmlReport(std::string title) : title_(std::move(title)) {}

void HtmlReport::heading(std::string_view text) {
  body_ += fmt::format("<h2>{}</h2>\n", html_escape(text));
}
void HtmlReport::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", html_escape(text));
}
void HtmlReport::code(std::string_view text) {
  body_ += fmt::format("<pre>{}</pre>\n", html_escape(text));
}
void HtmlReport::svg(std::string_view svg) {
  body_ += fmt::format("<figure>\n{}</figure>\n", svg);
}
void HtmlReport::table(const Table& table) {
  body_ += table.html();
}

std::string HtmlReport::html() const {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>{0}</title>\n<style>{1}</style></head>\n"
      "<body>\n<h1>{0}</h1>\n{2}</body>\n</html>\n",
      html_escape(title_), style, body_);
}

}  // namespace coppice
