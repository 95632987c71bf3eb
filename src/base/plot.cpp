#include "base/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/progress.h"
#include "base/strings.h"

namespace coppice {
namespace {

constexpr std::array colours = {"#1b6ca8", "#d1495b", "#2e8b57", "#8d5fb0",
                                "#c98a1b", "#4b5563", "#0f9b8e", "#b0413e"};
constexpr double left = 70, right = 20, top = 40, bottom = 52;

std::string text(double x, double y, const std::string& anchor, const std::string& content,
                 const std::string& more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>", x, y, anchor, more,
                     html_escape(content));
}

std::string tick_label(double value) {
  if (value == 0) return "0";
  return std::fabs(value) >= 10000 ? human_count(value) : fmt::format("{:.4g}", value);
}

// A linear or logarithmic scale from data to pixels.
class Axis {
 public:
  Axis(double low, double high, double from, double to, bool logarithmic)
      : logarithmic_(logarithmic && low > 0), from_(from), to_(to) {
    const double a = map(low), b = map(high);
    const double margin = b > a ? 0.08 * (b - a) : std::max(0.5, std::fabs(a) * 0.1);
    low_ = a - margin;
    high_ = b + margin;
  }

  double operator()(double value) const {
    return from_ + (map(value) - low_) / (high_ - low_) * (to_ - from_);
  }

  std::vector<double> ticks() const {
    std::vector<double> result;
    for (const double tick : axis_ticks(low_, high_, 6))
      result.push_back(logarithmic_ ? std::pow(10, tick) : tick);
    return result;
  }

 private:
  double map(double value) const { return logarithmic_ ? std::log10(value) : value; }
  bool logarithmic_;
  double from_, to_, low_ = 0, high_ = 1;
};

bool drawable(const PlotPoint& p, bool log_y) {
  return std::isfinite(p.x) && std::isfinite(p.y) && (!log_y || p.y > 0);
}

std::string open_svg(int width, int height, const std::string& title) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n{2}\n",
      width, height, text(width / 2.0, 20, "middle", title, " font-size=\"14\" font-weight=\"bold\""));
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int count) {
  if (!(high > low)) return {low};
  const double rough = (high - low) / std::max(1, count);
  const double magnitude = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * magnitude;
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * magnitude >= rough) {
      step = factor * magnitude;
      break;
    }
  std::vector<double> ticks;
  for (double tick = std::ceil(low / step) * step; tick <= high + step * 1e-9; tick += step)
    ticks.push_back(std::fabs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

std::string plot_svg(const PlotSpec& spec, const std::vector<PlotSeries>& series) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  double x_low = inf, x_high = -inf, y_low = inf, y_high = -inf;
  for (const auto& s : series)
    for (const auto& p : s.points) {
      if (!drawable(p, spec.log_y)) continue;
      x_low = std::min(x_low, p.x);
      x_high = std::max(x_high, p.x);
      y_low = std::min({y_low, p.y, p.y_low > 0 ? p.y_low : p.y});
      y_high = std::max({y_high, p.y, p.y_high});
    }
  std::string out = open_svg(spec.width, spec.height, spec.title);
  if (!(x_low <= x_high))
    return out + text(spec.width / 2.0, spec.height / 2.0, "middle", "nothing to plot") + "</svg>\n";

  const double base = spec.height - bottom, edge = spec.width - right;
  const Axis x(x_low, x_high, left, edge, false), y(y_low, y_high, base, top, spec.log_y);
  for (const double tick : y.ticks()) {
    out += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#e5e7eb\"/>\n",
                       left, edge, y(tick), y(tick));
    out += text(left - 6, y(tick) + 4, "end", tick_label(tick)) + "\n";
  }
  for (const double tick : x.ticks()) out += text(x(tick), base + 18, "middle", tick_label(tick)) + "\n";
  out += fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\" fill=\"none\" stroke=\"#374151\"/>\n",
                     left, top, base, edge);
  out += text((left + edge) / 2, spec.height - 12.0, "middle", spec.x_axis) + "\n";
  out += text(0, 0, "middle", spec.y_axis,
              fmt::format(" transform=\"translate(16 {:.1f}) rotate(-90)\"", (top + base) / 2)) +
         "\n";

  double legend = top + 4;
  for (size_t i = 0; i < series.size(); ++i) {
    const char* colour = colours[i % colours.size()];
    std::string path;
    for (const auto& p : series[i].points) {
      if (!drawable(p, spec.log_y)) continue;
      const double px = x(p.x), py = y(p.y);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", px, py);
      if (p.y_high > p.y_low && p.y_low > 0)
        out += fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}\" stroke=\"{3}\"/>\n", px, y(p.y_low),
                           y(p.y_high), colour);
      if (series[i].line) continue;
      out +=
          fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"><title>{}</title></circle>\n",
                      px, py, colour, html_escape(fmt::format("{} ({:.4g}, {:.4g})", p.label, p.x, p.y)));
      const bool near_edge = px > edge - 110;
      if (!p.label.empty())
        out += text(px + (near_edge ? -8 : 8), py - 6, near_edge ? "end" : "start", p.label) + "\n";
    }
    if (series[i].line)
      out += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", path, colour);
    if (!series[i].name.empty()) {
      out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"10\" fill=\"{}\"/>",
                         edge - 150, legend, colour);
      out += text(edge - 136, legend + 9, "start", series[i].name) + "\n";
      legend += 16;
    }
  }
  return out + "</svg>\n";
}

std::string heat_map_svg(const std::string& title, const std::string& x_axis, const std::string& y_axis,
                         const std::vector<std::vector<double>>& rows) {
  size_t columns = 0;
  double largest = 0;
  for (const auto& row : rows) {
    columns = std::max(columns, row.size());
    for (const double value : row) largest = std::max(largest, value);
  }
  const double cell = std::clamp(600.0 / static_cast<double>(std::max<size_t>(1, columns)), 8.0, 44.0),
               cell_height = 22;
  const int width = static_cast<int>(left + right + cell * static_cast<double>(columns)) + 40;
  const int height = static_cast<int>(top + bottom + cell_height * static_cast<double>(rows.size()));
  std::string out = open_svg(std::max(width, 320), height, title);
  for (size_t r = 0; r < rows.size(); ++r) {
    const double y = top + cell_height * static_cast<double>(r);
    out += text(left - 6, y + 15, "end", fmt::format("{}", r)) + "\n";
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const double share = largest > 0 ? rows[r][c] / largest : 0;
      const auto channel = [share](double from, double to) {
        return static_cast<int>(std::lround(from + (to - from) * share));
      };
      out += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"rgb({},{},{})\" "
          "stroke=\"#fff\">"
          "<title>{} {}, {} {}: {:.4g}</title></rect>\n",
          left + cell * static_cast<double>(c), y, cell, cell_height, channel(239, 27), channel(246, 108),
          channel(251, 168), html_escape(y_axis), r, html_escape(x_axis), c, rows[r][c]);
    }
  }
  out += text(left + cell * static_cast<double>(columns) / 2, height - 24.0, "middle", x_axis) + "\n";
  out += text(0, 0, "middle", y_axis,
              fmt::format(" transform=\"translate(16 {:.1f}) rotate(-90)\"", (top + height - bottom) / 2)) +
         "\n";
  return out + "</svg>\n";
}

}  // namespace coppice
