#pragma once
// Plots as SVG text, to be embedded in a report. No scripts, no outside fonts; titles show on hover.

#include <string>
#include <vector>

namespace coppice {

struct PlotPoint {
  double x = 0, y = 0;
  double y_low = 0, y_high = 0;  // whisker; equal to y for none
  std::string label;             // beside the point and on hover; may be empty
};

struct PlotSeries {
  std::string name;  // in the legend; empty = not there
  std::vector<PlotPoint> points;
  bool line = false;  // joined by a line, else marks alone
};

struct PlotSpec {
  std::string title, x_axis, y_axis;
  bool log_y = false;
  int width = 760, height = 440;
};

// Series with marks or lines on one pair of axes. Points that are not finite are left out.
std::string plot_svg(const PlotSpec& spec, const std::vector<PlotSeries>& series);

// A grid of cells coloured from light (0) to dark (1 = the largest value), rows labelled; what expert loads look like.
std::string heat_map_svg(const std::string& title, const std::string& x_axis, const std::string& y_axis,
                         const std::vector<std::vector<double>>& rows);

// Round tick positions that cover [low, high], about `count` of them.
std::vector<double> axis_ticks(double low, double high, int count);

}  // namespace coppice
