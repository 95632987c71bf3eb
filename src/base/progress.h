#pragma once
// Progress of long work on stderr: one live line on a terminal, a line per interval otherwise, always with the rate
// and the time left.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace coppice {

class Progress {
 public:
  // `unit` names what is counted ("steps", "tokens"); "bytes" are shown as KiB, MiB, …; total 0 means unknown.
  Progress(std::string title, int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Adds `count` finished units; `note` (a loss, say) is shown behind the rate.
  void advance(int64_t count, std::string_view note = {});
  // Counts units that an earlier run has finished; they are shown as done and left out of the rate.
  void already(int64_t count);
  double seconds() const;
  double per_second() const;

  // Turns all progress off, for --quiet and tests.
  static void silence(bool silent);

 private:
  using Clock = std::chrono::steady_clock;
  void show(bool last);

  std::string title_, unit_, note_;
  int64_t total_, done_ = 0, already_ = 0;
  Clock::time_point start_, shown_;
  bool terminal_;
};

// 75 -> "1m15s"; 0.42 -> "0.4s".
std::string human_duration(double seconds);
// 1536 -> "1.50 KiB".
std::string human_bytes(double bytes);
// 1234567 -> "1.23M".
std::string human_count(double count);

}  // namespace coppice
