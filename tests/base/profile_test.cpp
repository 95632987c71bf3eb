// Parts of a profile: the innermost open one has the time.

#include "base/profile.h"

#include <thread>

#include <gtest/gtest.h>

namespace coppice {
namespace {

double seconds_of(Part part) {
  return Profile::seconds()[static_cast<size_t>(part)];
}

void sleep_for_ms(int count) {
  std::this_thread::sleep_for(std::chrono::milliseconds(count));
}

TEST(Profile, TimeCountsOnceForTheInnermostPart) {
  Profile::start();
  {
    const ProfiledPart outer(Part::feed_forward);
    sleep_for_ms(2);
    {
      const ProfiledPart inner(Part::router);
      sleep_for_ms(3);
    }
    sleep_for_ms(2);
  }
  Profile::stop();
  EXPECT_GE(seconds_of(Part::feed_forward), 0.004);
  EXPECT_GE(seconds_of(Part::router), 0.003);
  EXPECT_EQ(seconds_of(Part::head), 0);
  const double before = seconds_of(Part::router);
  {
    const ProfiledPart ignored(Part::router);
    sleep_for_ms(1);
  }
  EXPECT_EQ(seconds_of(Part::router), before) << "profiling is off";
  Profile::start();
  EXPECT_EQ(seconds_of(Part::router), 0);
  Profile::stop();
}

TEST(Profile, OtherThreadsHaveTheirOwn) {
  Profile::start();
  std::thread([] {
    const ProfiledPart elsewhere(Part::head);
    sleep_for_ms(1);
  }).join();
  Profile::stop();
  EXPECT_EQ(seconds_of(Part::head), 0);
}

}  // namespace
}  // namespace coppice
