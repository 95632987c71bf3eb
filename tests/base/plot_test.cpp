#include "base/plot.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/html_report.h"

namespace coppice {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(AxisTicks, AreRoundAndInside) {
  EXPECT_EQ(axis_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  for (const double low : {-3.7, 0.012, 1234.0})
    for (const double span : {0.001, 1.0, 77.0}) {
      const auto ticks = axis_ticks(low, low + span, 6);
      ASSERT_GE(ticks.size(), 2u);
      EXPECT_LE(ticks.size(), 9u);
      EXPECT_GE(ticks.front(), low);
      EXPECT_LE(ticks.back(), low + span * 1.001);
    }
}

TEST(Plot, DrawsEveryFinitePointAndEscapesLabels) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg = plot_svg(
      {.title = "a < b", .x_axis = "x", .y_axis = "y"},
      {{.name = "s", .points = {{.x = 1, .y = 2, .label = "p&q"}, {.x = 2, .y = nan}, {.x = 3, .y = 5}}}});
  EXPECT_EQ(count(svg, "<circle"), 2u);
  EXPECT_EQ(count(svg, "a &lt; b"), 1u);
  EXPECT_EQ(count(svg, "p&amp;q"), 2u);  // label and hover title
  EXPECT_EQ(count(svg, "nan"), 0u);
}

TEST(Plot, SaysWhenThereIsNothing) {
  EXPECT_EQ(count(plot_svg({}, {}), "nothing to plot"), 1u);
}

TEST(HeatMap, HasOneCellPerValue) {
  const std::string svg = heat_map_svg("load", "expert", "layer", {{1, 2, 3}, {0, 0, 0}});
  EXPECT_EQ(count(svg, "<rect"), 6u);
}

TEST(HtmlReport, EscapesAndEmbeds) {
  HtmlReport report("T & t");
  report.paragraph("<script>");
  Table table({"name", "value"});
  table.add_row({"x<y", "12.5"});
  report.table(table);
  const std::string html = report.html();
  EXPECT_EQ(count(html, "<script"), 0u);
  EXPECT_EQ(count(html, "x&lt;y"), 1u);
  EXPECT_EQ(count(html, "<td class=\"n\">12.5</td>"), 1u);
}

}  // namespace
}  // namespace coppice
