#pragma once
// Where time goes, by parts of a pass: each span of time counts for the innermost part that is open on the thread that
// drives the pass. While profiling is off, a part costs one test of a flag.

#include <array>
#include <chrono>
#include <utility>

namespace coppice {

enum class Part { embedding, norm, mixer, router, feed_forward, head, other };
inline constexpr auto part_names =
    std::to_array<std::pair<Part, const char*>>({{Part::embedding, "embedding"},
                                                 {Part::norm, "norm"},
                                                 {Part::mixer, "mixer"},
                                                 {Part::router, "router"},
                                                 {Part::feed_forward, "feed_forward"},
                                                 {Part::head, "head"},
                                                 {Part::other, "other"}});

// Seconds of every part on this thread since `start`.
class Profile {
 public:
  static void start();
  static void stop();
  static std::array<double, part_names.size()> seconds();

 private:
  friend class ProfiledPart;
  static void enter(Part part);
  static inline thread_local bool on_ = false;
  static inline thread_local Part open_ = Part::other;
  static inline thread_local std::chrono::steady_clock::time_point since_{};
  static inline thread_local std::array<double, part_names.size()> seconds_{};
};

// The part that is open while this lives.
class ProfiledPart {
 public:
  explicit ProfiledPart(Part part) {
    if (!Profile::on_) return;
    before_ = Profile::open_;
    Profile::enter(part);
    entered_ = true;
  }
  ~ProfiledPart() {
    if (entered_ && Profile::on_) Profile::enter(before_);
  }
  ProfiledPart(const ProfiledPart&) = delete;
  ProfiledPart& operator=(const ProfiledPart&) = delete;

 private:
  Part before_ = Part::other;
  bool entered_ = false;
};

}  // namespace coppice
