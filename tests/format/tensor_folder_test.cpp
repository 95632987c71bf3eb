#include <gmock/gmock.h>

#include "format/raw_safetensors.h"
#include "format/safetensors.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::raw_entry;
using test::raw_safetensors;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

void write_one_tensor(const std::filesystem::path& path, const std::string& tensor) {
  write_file(path, raw_safetensors("{" + raw_entry(tensor, "U8", "[1]", 0, 1) + "}", "x"));
}

std::string index_of(const std::string& weight_map) {
  return "{\"metadata\":{\"total_size\":2},\"weight_map\":{" + weight_map + "}}";
}

class ShardedFolder : public testing::Test {
 protected:
  std::string open_error() {
    return error_of([&] { TensorFolder(folder_.path()); });
  }
  void write_index(const std::string& weight_map) {
    write_file(folder_ / "model.safetensors.index.json", index_of(weight_map));
  }

  TemporaryFolder folder_;
};

TEST_F(ShardedFolder, ReadsTheShardsOfTheIndexAndNoOtherFile) {
  write_one_tensor(folder_ / "one.safetensors", "a");
  write_one_tensor(folder_ / "two.safetensors", "b");
  write_one_tensor(folder_ / "stray.safetensors", "c");
  write_index(R"("a":"one.safetensors","b":"two.safetensors")");
  EXPECT_THAT(TensorFolder(folder_.path()).names(), ElementsAre("a", "b"));
}

TEST_F(ShardedFolder, PrefersTheSingleFileAsTransformersDoes) {
  write_one_tensor(folder_ / "model.safetensors", "single");
  write_one_tensor(folder_ / "one.safetensors", "a");
  write_index(R"("a":"one.safetensors")");
  EXPECT_THAT(TensorFolder(folder_.path()).names(), ElementsAre("single"));
}

TEST_F(ShardedFolder, SurvivesAMove) {
  write_one_tensor(folder_ / "one.safetensors", "a");
  write_one_tensor(folder_ / "two.safetensors", "b");
  write_index(R"("a":"one.safetensors","b":"two.safetensors")");
  TensorFolder first(folder_.path());
  const TensorFolder second = std::move(first);
  EXPECT_EQ(std::to_integer<char>(second.find("b")->bytes[0]), 'x');
}

TEST_F(ShardedFolder, MissingShard) {
  write_index(R"("a":"one.safetensors")");
  EXPECT_THAT(open_error(), HasSubstr("one.safetensors: no such file"));
}

TEST_F(ShardedFolder, TensorNotInItsShard) {
  write_one_tensor(folder_ / "one.safetensors", "a");
  write_index(R"("a":"one.safetensors","b":"one.safetensors")");
  EXPECT_THAT(open_error(), HasSubstr("no tensor 'b'"));
}

TEST_F(ShardedFolder, TensorThatTheIndexDoesNotList) {
  write_one_tensor(folder_ / "one.safetensors", "a");
  write_one_tensor(folder_ / "two.safetensors", "c");
  write_index(R"("a":"one.safetensors","b":"two.safetensors")");
  EXPECT_THAT(open_error(), HasSubstr("two.safetensors: c: a tensor that the index does not list"));
}

TEST_F(ShardedFolder, TensorInTwoShards) {
  write_one_tensor(folder_ / "one.safetensors", "a");
  write_file(folder_ / "two.safetensors", raw_safetensors("{" + raw_entry("a", "U8", "[1]", 0, 1) + "," +
                                                              raw_entry("b", "U8", "[1]", 1, 2) + "}",
                                                          "xy"));
  write_index(R"("a":"one.safetensors","b":"two.safetensors")");
  EXPECT_THAT(open_error(), HasSubstr("two.safetensors: a: a tensor that the index has in one.safetensors"));
}

TEST_F(ShardedFolder, ShardNamesMayNotLeadElsewhere) {
  for (const char* name :
       {"../one.safetensors", "/etc/one.safetensors", "sub/one.safetensors", "..", "", ".safetensors",
        "pytorch_model.bin", "a\\\\b.safetensors", "one\\u0000.safetensors"}) {
    write_index(std::string(R"("a":")") + name + "\"");
    EXPECT_THAT(open_error(), HasSubstr("plain name")) << name;
  }
}

TEST_F(ShardedFolder, IndexesThatAreNone) {
  for (const char* text :
       {"{}", "[]", R"({"weight_map":[]})", R"({"weight_map":{}})", R"({"weight_map":{"a":1}})",
        R"({"weight_map":)", R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})"}) {
    write_file(folder_ / "model.safetensors.index.json", text);
    EXPECT_THAT(open_error(), HasSubstr("index.json")) << text;
  }
}

TEST_F(ShardedFolder, NoWeights) {
  EXPECT_THAT(open_error(), HasSubstr("no weights"));
  write_file(folder_ / "pytorch_model.bin", "PK");
  EXPECT_THAT(open_error(),
              testing::AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("convert it to safetensors")));
}

TEST_F(ShardedFolder, NotADirectory) {
  EXPECT_THAT(error_of([&] { TensorFolder(folder_ / "absent"); }), HasSubstr("no such directory"));
  write_file(folder_ / "file", "x");
  EXPECT_THAT(error_of([&] { TensorFolder(folder_ / "file"); }), HasSubstr("not a directory"));
}

}  // namespace
}  // namespace coppice
