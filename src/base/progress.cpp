#include "base/progress.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <span>

#include <fmt/format.h>
#include <unistd.h>

namespace coppice {
namespace {

std::atomic<bool> silenced{false};
constexpr auto live_interval = std::chrono::milliseconds(200);
constexpr auto line_interval = std::chrono::seconds(10);

std::string scaled(double value, double step, std::span<const char* const> suffixes) {
  size_t i = 0;
  while (i + 1 < suffixes.size() && value >= step) {
    value /= step;
    ++i;
  }
  return fmt::format("{:.{}f}{}", value, i == 0 ? 0 : (value < 10 ? 2 : 1), suffixes[i]);
}

}  // namespace

Progress::Progress(std::string title, int64_t total, std::string unit)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      start_(Clock::now()),
      shown_(start_),
      terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (done_ > 0) show(true);
}

void Progress::advance(int64_t count, std::string_view note) {
  done_ += count;
  note_ = note;
  const auto now = Clock::now();
  const bool due = terminal_ ? now - shown_ >= live_interval : now - shown_ >= line_interval;
  if (!due) return;
  shown_ = now;
  show(false);
}

void Progress::already(int64_t count) {
  already_ += count;
  done_ += count;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

double Progress::per_second() const {
  const double elapsed = seconds();
  return elapsed > 0 ? static_cast<double>(done_ - already_) / elapsed : 0;
}

void Progress::silence(bool silent) {
  silenced = silent;
}

void Progress::show(bool last) {
  if (silenced) return;
  if (last && !terminal_ && seconds() < 1) return;  // short work needs no line in a log
  const bool bytes = unit_ == "bytes";
  const auto amount = [bytes](int64_t count) {
    return bytes ? human_bytes(static_cast<double>(count)) : fmt::format("{}", count);
  };
  const std::string unit = bytes ? "" : " " + unit_;
  std::string line = fmt::format("{}: {}", title_, amount(done_));
  if (total_ > 0)
    line += fmt::format("/{}{} ({:.0f}%)", amount(total_), unit,
                        100.0 * static_cast<double>(done_) / static_cast<double>(total_));
  else
    line += unit;
  line += fmt::format(", {}/s", bytes ? human_bytes(per_second()) : human_count(per_second()));
  if (last)
    line += fmt::format(", took {}", human_duration(seconds()));
  else if (total_ > 0 && per_second() > 0)
    line += fmt::format(", {} left", human_duration(static_cast<double>(total_ - done_) / per_second()));
  if (!note_.empty()) line += ", " + note_;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ && !last ? "" : "\n");
  std::fflush(stderr);
}

std::string human_duration(double seconds) {
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

std::string human_bytes(double bytes) {
  static constexpr std::array suffixes{" B", " KiB", " MiB", " GiB", " TiB"};
  return scaled(bytes, 1024, suffixes);
}

std::string human_count(double count) {
  static constexpr std::array suffixes{"", "k", "M", "G", "T"};
  return count < 10 ? fmt::format("{:.1f}", count) : scaled(count, 1000, suffixes);
}

}  // namespace coppice
