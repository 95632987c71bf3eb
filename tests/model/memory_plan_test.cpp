// Plans of memory against what a decoder then has.

#include "model/memory_plan.h"

#include <gmock/gmock.h>

#include "model/decoder.h"
#include "model/kv_cache.h"
#include "support.h"

namespace coppice {
namespace {

using test::data_folder;
using test::error_of;
using testing::HasSubstr;

TEST(MemoryPlan, IsWhatTheDecoderReads) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const auto files = open_model(data_folder() / "stories260k-hf");
  const MemoryPlan plan = plan_memory(*files, 1, 64, 64);
  Decoder decoder(files);
  EXPECT_NEAR(static_cast<double>(plan.bytes_per_token), static_cast<double>(decoder.bytes_per_token()),
              0.05 * static_cast<double>(decoder.bytes_per_token()));
  EXPECT_EQ(plan.weight_bytes, files->total_bytes());
  const auto cache = decoder.new_cache();
  const std::vector<int32_t> ids(64, 5);
  const Decoder::Input input{.tokens = ids, .cache = cache.get()};
  decoder.forward({&input, 1});
  EXPECT_EQ(plan.cache_bytes, 5 * 2 * 4 * 8 * 64 * 4)
      << "layers, keys and values, heads, head width, positions";
  EXPECT_GE(cache->bytes(), plan.cache_bytes);
}

TEST(MemoryPlan, GrowsWithSequencesAndNotWithWindows) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const auto files = open_model(data_folder() / "stories260k-hf");
  const auto cache = [&](int64_t sequences, int64_t length) {
    return plan_memory(*files, sequences, length, 1).cache_bytes;
  };
  EXPECT_EQ(cache(8, 64), 8 * cache(1, 64));
  EXPECT_EQ(cache(1, 512), 8 * cache(1, 64));
  EXPECT_EQ(plan_memory(*files, 8, 64, 1).bytes_per_token, plan_memory(*files, 1, 64, 1).bytes_per_token);
}

TEST(MemoryPlan, TooMuchIsRefusedWithWhatToDo) {
  const MemoryPlan large_context{.weight_bytes = 10, .cache_bytes = 100, .pass_bytes = 5};
  EXPECT_NO_THROW(require_memory(large_context, 115, "m"));
  EXPECT_THAT(error_of([&] { require_memory(large_context, 114, "m"); }, Fault::resource),
              HasSubstr("shorter context"));
  EXPECT_THAT(error_of([&] { require_memory({.weight_bytes = 200}, 114, "m"); }, Fault::resource),
              HasSubstr("quantize"));
  EXPECT_GT(available_memory(), 0);
}

}  // namespace
}  // namespace coppice
