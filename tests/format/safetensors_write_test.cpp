#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "base/json.h"
#include "base/rng.h"
#include "format/safetensors.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

struct Owned {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
};

std::vector<Owned> random_tensors(Rng& rng, size_t count) {
  const std::vector<DType> dtypes = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                                     DType::i32, DType::i16, DType::i8,  DType::u8,   DType::boolean};
  std::vector<Owned> tensors;
  for (size_t i = 0; i < count; ++i) {
    Owned tensor{.name = fmt::format("t\"{}\\é", i), .dtype = rng.pick(dtypes), .shape = {}, .bytes = {}};
    size_t elements = 1;
    for (uint64_t d = rng.below(4); d > 0; --d) {
      tensor.shape.push_back(static_cast<int64_t>(rng.below(9)));
      elements *= static_cast<size_t>(tensor.shape.back());
    }
    tensor.bytes.resize(elements * byte_size(tensor.dtype));
    for (auto& byte : tensor.bytes) byte = static_cast<std::byte>(rng.next());
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<TensorData> views(const std::vector<Owned>& tensors) {
  std::vector<TensorData> data;
  for (const auto& t : tensors) data.push_back({t.name, t.dtype, t.shape, t.bytes});
  return data;
}

void expect_same(const TensorView& got, const Owned& want) {
  EXPECT_EQ(got.dtype, want.dtype);
  EXPECT_EQ(got.shape, want.shape);
  EXPECT_TRUE(std::ranges::equal(got.bytes, want.bytes)) << want.name;
}

TEST(SafetensorsWrite, RandomTensorsComeBackAndLieAligned) {
  const TemporaryFolder folder;
  Rng rng(1);
  for (int round = 0; round < 30; ++round) {
    const auto tensors = random_tensors(rng, rng.below(20));
    const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"quote\"", "line\nbreak"}};
    write_safetensors(folder / "x.safetensors", views(tensors), metadata);
    const SafetensorsFile file(folder / "x.safetensors");
    EXPECT_EQ(file.metadata(), metadata);
    ASSERT_EQ(file.tensors().size(), tensors.size());
    for (const auto& want : tensors) {
      const auto got = std::ranges::find(file.tensors(), want.name, &TensorView::name);
      ASSERT_NE(got, file.tensors().end()) << want.name;
      expect_same(*got, want);
      // Mappings begin at a page, so alignment in memory is alignment in the file.
      const size_t boundary = want.bytes.size() % 64 == 0 ? 64 : byte_size(want.dtype);
      if (want.bytes.empty()) continue;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(got->bytes.data()) % boundary, 0u) << want.name;
    }
  }
}

TEST(SafetensorsWrite, TensorsOfWholeLinesKeepTheGivenOrder) {
  const TemporaryFolder folder;
  std::vector<Owned> tensors;
  for (const char* name : {"z", "a", "m"})
    tensors.push_back({name, DType::f32, {16}, std::vector<std::byte>(64)});
  write_safetensors(folder / "x.safetensors", views(tensors));
  const SafetensorsFile file(folder / "x.safetensors");
  EXPECT_EQ(file.tensors()[0].name, "z");
  EXPECT_EQ(file.tensors()[1].name, "a");
  EXPECT_EQ(file.tensors()[2].name, "m");
}

TEST(SafetensorsWrite, OurOwnMistakesAreChecks) {
  const TemporaryFolder folder;
  const std::vector<std::byte> four(4);
  const std::vector<TensorData> twice = {{"a", DType::f32, {1}, four}, {"a", DType::f32, {1}, four}};
  EXPECT_THROW(write_safetensors(folder / "x", twice), InternalError);
  const std::vector<TensorData> short_of_bytes = {{"a", DType::f32, {2}, four}};
  EXPECT_THROW(write_safetensors(folder / "x", short_of_bytes), InternalError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

class TensorFolderWrite : public testing::TestWithParam<int64_t> {};

TEST_P(TensorFolderWrite, ShardsHoldEverythingOnce) {
  const TemporaryFolder folder;
  Rng rng(3);
  const auto tensors = random_tensors(rng, 40);
  int64_t total = 0, largest = 0;
  for (const auto& t : tensors) {
    total += static_cast<int64_t>(t.bytes.size());
    largest = std::max(largest, static_cast<int64_t>(t.bytes.size()));
  }
  write_tensor_folder(folder.path(), views(tensors), GetParam());
  const TensorFolder read(folder.path());
  EXPECT_EQ(read.names().size(), tensors.size());
  EXPECT_EQ(read.total_bytes(), total);
  for (const auto& want : tensors) {
    ASSERT_NE(read.find(want.name), nullptr) << want.name;
    expect_same(*read.find(want.name), want);
  }
  EXPECT_EQ(read.find("absent"), nullptr);

  const auto index = folder / "model.safetensors.index.json";
  EXPECT_EQ(std::filesystem::exists(index), total > GetParam());
  EXPECT_EQ(std::filesystem::exists(folder / "model.safetensors"), total <= GetParam());
  if (!std::filesystem::exists(index)) return;
  EXPECT_EQ(read_json_file(index)["metadata"]["total_size"], total);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".safetensors") continue;
    int64_t bytes = 0;
    const SafetensorsFile shard(entry.path());
    for (const auto& tensor : shard.tensors()) bytes += static_cast<int64_t>(tensor.bytes.size());
    EXPECT_LE(bytes, std::max(GetParam(), largest));
  }
}

INSTANTIATE_TEST_SUITE_P(Limits, TensorFolderWrite, testing::Values(1, 500, 2000, int64_t{1} << 40));

TEST(TensorFolderWriteAgain, ShardsReplaceASingleFileAndBack) {
  const TemporaryFolder folder;
  Rng rng(4);
  const auto first = random_tensors(rng, 5), second = random_tensors(rng, 30);
  write_tensor_folder(folder.path(), views(first));
  write_tensor_folder(folder.path(), views(second), 100);
  EXPECT_EQ(TensorFolder(folder.path()).names().size(), 30u);
  write_tensor_folder(folder.path(), views(first));
  EXPECT_EQ(TensorFolder(folder.path()).names().size(), 5u);
}

std::vector<std::string> files_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::vector<Owned> equal_tensors(size_t count, size_t bytes) {
  std::vector<Owned> tensors;
  for (size_t i = 0; i < count; ++i)
    tensors.push_back({fmt::format("t{}", i),
                       DType::u8,
                       {static_cast<int64_t>(bytes)},
                       std::vector<std::byte>(bytes, static_cast<std::byte>(i))});
  return tensors;
}

TEST(TensorFolderWriteAgain, ShardsAreNamedAsHuggingFaceNamesThem) {
  const TemporaryFolder folder;
  write_tensor_folder(folder.path(), views(equal_tensors(5, 100)), 250);
  EXPECT_THAT(files_in(folder),
              testing::ElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                                   "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  const Json index = read_json_file(folder / "model.safetensors.index.json");
  EXPECT_EQ(index["metadata"]["total_size"], 500);
  EXPECT_EQ(index["weight_map"]["t0"], "model-00001-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["t4"], "model-00003-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"].size(), 5);
  EXPECT_EQ(default_shard_bytes, 5'000'000'000);
}

TEST(TensorFolderWriteAgain, ShardsOfAnEarlierWriteGoAndNothingElse) {
  const TemporaryFolder folder;
  write_tensor_folder(folder.path(), views(equal_tensors(6, 100)), 100);
  for (const char* other :
       {"adapter_model.safetensors", "model-1-of-2.safetensors", "model-00001-of-00006.bin",
        "model-00001-of-00006.safetensors.bak", "consolidated.safetensors"})
    write_file(folder / other, "mine");
  write_tensor_folder(folder.path(), views(equal_tensors(2, 100)), 100);
  EXPECT_THAT(files_in(folder),
              testing::ElementsAre("adapter_model.safetensors", "consolidated.safetensors",
                                   "model-00001-of-00002.safetensors", "model-00001-of-00006.bin",
                                   "model-00001-of-00006.safetensors.bak", "model-00002-of-00002.safetensors",
                                   "model-1-of-2.safetensors", "model.safetensors.index.json"));
  write_tensor_folder(folder.path(), views(equal_tensors(1, 100)));
  EXPECT_THAT(files_in(folder),
              testing::ElementsAre("adapter_model.safetensors", "consolidated.safetensors",
                                   "model-00001-of-00006.bin", "model-00001-of-00006.safetensors.bak",
                                   "model-1-of-2.safetensors", "model.safetensors"));
}

// Stands in for a full disk: files of this process may not grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(SafetensorsWrite, AFullDiskIsAResourceErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const std::vector<std::byte> small(1000), large(100000);
  const std::vector<TensorData> tensors = {{"a", DType::u8, {1000}, small},
                                           {"b", DType::u8, {100000}, large}};
  const FileSizeLimit limit(20000);
  EXPECT_THAT(error_of([&] { write_safetensors(folder / "x.safetensors", tensors); }, Fault::resource),
              HasSubstr("free some space"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  // The first shard fits, the second does not: neither stays.
  EXPECT_THAT(error_of([&] { write_tensor_folder(folder.path(), tensors, 2000); }, Fault::resource),
              HasSubstr("00002-of-00002"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// New shards beside an index of old ones would be read as one model.
TEST(SafetensorsWrite, AFullDiskNeverMixesShardsOfTwoWrites) {
  const TemporaryFolder folder;
  const auto before = equal_tensors(2, 1000);
  write_tensor_folder(folder.path(), views(before), 1000);
  auto after = equal_tensors(2, 1000);
  after[1].bytes.resize(100000);
  after[1].shape = {100000};
  {
    const FileSizeLimit limit(20000);
    error_of([&] { write_tensor_folder(folder.path(), views(after), 1000); }, Fault::resource);
  }
  EXPECT_THAT(error_of([&] { TensorFolder(folder.path()); }), HasSubstr("no weights"));
  // Where a single file lay, it still does.
  const TemporaryFolder other;
  write_tensor_folder(other.path(), views(before));
  {
    const FileSizeLimit limit(20000);
    error_of([&] { write_tensor_folder(other.path(), views(after), 1000); }, Fault::resource);
  }
  expect_same(*TensorFolder(other.path()).find("t1"), before[1]);
}

}  // namespace
}  // namespace coppice
