#include "base/byte_size.h"

#include <gmock/gmock.h>

#include "support.h"

namespace coppice {
namespace {

TEST(ByteSize, PowersOf1000And1024) {
  const std::pair<const char*, int64_t> sizes[] = {{"1B", 1},
                                                   {"3KB", 3'000},
                                                   {"500MB", 500'000'000},
                                                   {"5GB", 5'000'000'000},
                                                   {"2TB", 2'000'000'000'000},
                                                   {"1KiB", 1024},
                                                   {"1.5MiB", 1572864},
                                                   {"2GiB", int64_t{2} << 30}};
  for (const auto& [text, bytes] : sizes) EXPECT_EQ(parse_byte_size(text, "size"), bytes) << text;
}

TEST(ByteSize, AnythingElseIsRefused) {
  for (const char* text : {"", "5", "GB", "5gb", "5Gb", "5 GB", "-1GB", "0B", "0.5B", "1e9B", "nanB", "infB",
                           "99999999TB", "5GBx"})
    EXPECT_THAT(test::error_of([&] { parse_byte_size(text, "--max-shard-size"); }, Fault::usage),
                testing::HasSubstr("--max-shard-size"))
        << text;
}

}  // namespace
}  // namespace coppice
