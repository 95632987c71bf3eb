#include "base/parallel.h"

#include <atomic>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace coppice {
namespace {

class Parallel : public testing::TestWithParam<int> {
 protected:
  Parallel() : before_(thread_count()) { set_threads(GetParam()); }
  ~Parallel() override { set_threads(before_); }
  int before_;
};

TEST_P(Parallel, CoversEveryIndexOnceInRangesOfAtLeastTheGrain) {
  for (const int64_t count : {0, 1, 2, 7, 64, 1000, 4097})
    for (const int64_t grain : {-1, 1, 3, 100, 5000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      std::atomic<int> short_ranges{0};
      parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        ASSERT_LT(begin, end);
        if (end - begin < grain && end != count) ++short_ranges;
        for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
      });
      for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1) << count << " " << grain;
      EXPECT_EQ(short_ranges.load(), 0);
    }
}

TEST_P(Parallel, ExceptionsComeBackAndThePoolLivesOn) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_THROW(parallel_for(1000, 1,
                              [](int64_t begin, int64_t end) {
                                if (begin <= 500 && 500 < end) throw std::runtime_error("500");
                              }),
                 std::runtime_error);
    std::atomic<int64_t> sum{0};
    parallel_for(1000, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sum += i;
    });
    EXPECT_EQ(sum.load(), 499500);
  }
}

TEST_P(Parallel, InnerLoopsRunOnTheThreadOfTheirBody) {
  std::atomic<int64_t> sum{0};
  parallel_for(20, 1, [&](int64_t begin, int64_t end) {
    const auto self = std::this_thread::get_id();
    for (int64_t i = begin; i < end; ++i)
      parallel_for(100, 1, [&](int64_t b, int64_t e) {
        EXPECT_EQ(std::this_thread::get_id(), self);
        sum += e - b;
      });
  });
  EXPECT_EQ(sum.load(), 2000);
  // An exception through a nested loop does not leave the thread marked as inside a loop.
  EXPECT_THROW(parallel_for(20, 1,
                            [](int64_t, int64_t) {
                              parallel_for(5, 1, [](int64_t, int64_t) { throw std::runtime_error("inner"); });
                            }),
               std::runtime_error);
  std::atomic<int> ranges{0};
  parallel_for(1000, 1, [&](int64_t, int64_t) { ++ranges; });
  EXPECT_GE(ranges.load(), GetParam() > 1 ? 2 : 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 5));

TEST(ParallelThreads, MayChangeBetweenLoops) {
  const int before = thread_count();
  for (const int threads : {1, 4, 2, 8, 1, 3}) {
    set_threads(threads);
    EXPECT_EQ(thread_count(), threads);
    std::atomic<int64_t> sum{0};
    std::mutex mutex;
    std::set<std::thread::id> ids;
    parallel_for(10000, 1, [&](int64_t begin, int64_t end) {
      sum += end - begin;
      const std::lock_guard lock(mutex);
      ids.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(sum.load(), 10000);
    EXPECT_LE(ids.size(), static_cast<size_t>(threads));
  }
  set_threads(before);
}

TEST(ParallelThreads, LoopsOfSeveralCallersDoNotMix) {
  const int before = thread_count();
  set_threads(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::atomic<int64_t> sum{0};
        parallel_for(200, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) sum += i;
        });
        wrong += sum.load() != 19900;
      }
    });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0);
  set_threads(before);
}

}  // namespace
}  // namespace coppice
