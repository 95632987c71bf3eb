#include <gmock/gmock.h>

#include "base/file.h"
#include "net/fake_hub.h"
#include "net/hub.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::some_commit;
using testing::ElementsAre;
using testing::HasSubstr;

Json file_entry(const std::string& path) {
  return {{"rfilename", path}, {"size", 3}};
}

Json listing_of(const std::vector<std::string>& paths) {
  Json siblings = Json::array();
  for (const auto& path : paths) siblings.push_back(file_entry(path));
  return {{"sha", some_commit}, {"siblings", siblings}};
}

HubListing parse(const Json& json) {
  return parse_hub_listing(to_line(json), "hub");
}

std::string refusal(const Json& json) {
  return error_of([&] { parse(json); });
}

std::vector<std::string> wanted_of(const std::vector<std::string>& paths) {
  std::vector<std::string> wanted;
  for (const auto& file : select_model_files(parse(listing_of(paths)), "org/name").wanted)
    wanted.push_back(file.path);
  return wanted;
}

TEST(HubListing, TellsSizeAndDigest) {
  const test::FakeHub hub;
  const HubListing listing = parse(hub.listing());
  EXPECT_EQ(listing.commit, some_commit);
  ASSERT_EQ(listing.files.size(), 2u);
  EXPECT_EQ(listing.files[0].path, "config.json");
  EXPECT_EQ(listing.files[0].size, 2);
  // `printf '{}' | git hash-object --stdin`
  EXPECT_EQ(listing.files[0].digest.git_blob, "9e26dfeeb6e641a33dae4961196235bdb965b21b");
  EXPECT_EQ(listing.files[0].digest.sha256, "");
  EXPECT_EQ(listing.files[1].digest.sha256.size(), 64u);
  EXPECT_EQ(listing.files[1].digest.git_blob, "") << "which would be the pointer's";
}

TEST(HubListing, SizesAndDigestsMayBeAbsent) {
  const HubListing listing =
      parse({{"sha", some_commit}, {"siblings", {{{"rfilename", "a.json"}, {"lfs", nullptr}}}}});
  EXPECT_FALSE(listing.files.at(0).size);
}

TEST(HubListing, PathsThatLeadOutAreRefused) {
  for (const std::string path : {"../a.json", "a/../../b.json", "/etc/a.json", "a//b.json", "./a.json", "a/",
                                 "", "..", "a\\b.json", "a\nb.json"})
    EXPECT_THAT(refusal(listing_of({"config.json", path})), HasSubstr("siblings[1]")) << path;
  EXPECT_THAT(refusal(listing_of({std::string("a\0.json", 7)})), HasSubstr("control characters"));
  EXPECT_THAT(refusal(listing_of({std::string(300, 'a') + ".json"})), HasSubstr("too long"));
}

TEST(HubListing, OtherFormsAreRefused) {
  EXPECT_THAT(error_of([] { parse_hub_listing("{\"sha\":", "hub"); }), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(Json::array()), HasSubstr("array"));
  EXPECT_THAT(refusal({{"error", "x"}}), HasSubstr("commit"));
  EXPECT_THAT(refusal({{"sha", "../../x"}, {"siblings", Json::array()}}), HasSubstr("hub.sha"));
  EXPECT_THAT(refusal({{"sha", some_commit}}), HasSubstr("siblings"));
  EXPECT_THAT(refusal({{"sha", some_commit}, {"siblings", {1}}}), HasSubstr("siblings[0]"));
  EXPECT_THAT(refusal(listing_of({"a.json", "a.json"})), HasSubstr("again"));
  Json entry = file_entry("a.json");
  const auto with = [&](const char* key, const Json& value) {
    Json changed = entry;
    changed[key] = value;
    return refusal({{"sha", some_commit}, {"siblings", {changed}}});
  };
  EXPECT_THAT(with("size", -1), HasSubstr(".size"));
  EXPECT_THAT(with("size", 1.5), HasSubstr(".size"));
  EXPECT_THAT(with("size", uint64_t{1} << 63), HasSubstr(".size"));
  EXPECT_THAT(with("rfilename", 7), HasSubstr(".rfilename"));
  EXPECT_THAT(with("blobId", "../../../x"), HasSubstr(".blobId"));
  EXPECT_THAT(with("lfs", {{"sha256", "ABC"}}), HasSubstr(".lfs.sha256"));
  EXPECT_THAT(with("lfs", {{"size", 4}}), HasSubstr(".lfs.size"));
}

TEST(HubListing, WhatIsFetched) {
  EXPECT_THAT(wanted_of({".gitattributes", "LICENSE", "README.md", "config.json", "model.safetensors",
                         "pytorch_model.bin", "modeling_x.py", "tokenizer.model", "merges.txt",
                         "chat_template.jinja", "x.gguf", "1_Pooling/config.json", "training_args.pt"}),
              ElementsAre("LICENSE", "README.md", "config.json", "model.safetensors", "tokenizer.model",
                          "merges.txt", "chat_template.jinja", "1_Pooling/config.json"));
}

TEST(HubListing, ASecondCopyOfTheWeightsIsLeftOut) {
  EXPECT_THAT(wanted_of({"consolidated.safetensors", "model.safetensors.index.json", "model-1.safetensors"}),
              ElementsAre("model.safetensors.index.json", "model-1.safetensors"));
  EXPECT_THAT(wanted_of({"consolidated.safetensors"}), ElementsAre("consolidated.safetensors"));
}

TEST(HubListing, OnlyPicklesIsAnErrorThatSaysSo) {
  const std::string error = error_of([] { wanted_of({"config.json", "pytorch_model.bin"}); });
  EXPECT_THAT(error, HasSubstr("only as pickles (pytorch_model.bin)"));
  EXPECT_THAT(error, HasSubstr("refs/pr/N"));
  EXPECT_THAT(wanted_of({"tokenizer.json"}), ElementsAre("tokenizer.json"))
      << "a tokenizer alone is no fault";
  EXPECT_THAT(error_of([] { wanted_of({".gitattributes"}); }), HasSubstr("no file of a model"));
}

TEST(HubNames, AreChecked) {
  for (const std::string name : {"org/name", "HuggingFaceTB/SmolLM2-135M", "a_b/c.d-e"})
    EXPECT_NO_THROW(check_repository_name(name, "")) << name;
  for (const std::string name :
       {"", "gpt2", "a/b/c", "../x", "a/..", "a/", "/b", "a b/c", "a/b?c", "-a/b", "a/b%2F", "https://x/a"})
    EXPECT_THAT(error_of([&] { check_repository_name(name, "coppice pull"); }, Fault::usage),
                HasSubstr("ORG/NAME"))
        << name;
}

class HubEnvironment : public testing::Test {
 protected:
  HubEnvironment() {
    for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME",
                             "XDG_CACHE_HOME", "COPPICE_HUB_ENDPOINT", "HF_ENDPOINT"})
      ::unsetenv(name);
    ::setenv("HOME", folder_.path().c_str(), 1);
  }
  test::TemporaryFolder folder_;
};

TEST_F(HubEnvironment, TheTokenIsFoundWhereItUsuallyIs) {
  EXPECT_EQ(hub_token().text, "");
  std::filesystem::create_directories(folder_ / ".cache/huggingface");
  write_file(folder_ / ".cache/huggingface/token", "hf_file\n");
  EXPECT_EQ(hub_token().text, "hf_file");
  ::setenv("HUGGING_FACE_HUB_TOKEN", "hf_old", 1);
  EXPECT_EQ(hub_token().text, "hf_old");
  ::setenv("HF_TOKEN", " hf_new ", 1);
  EXPECT_EQ(hub_token().text, "hf_new");
  EXPECT_EQ(hub_token().source, "HF_TOKEN");
  ::setenv("HF_TOKEN", "x\r\nHost: y", 1);
  const std::string error = error_of([] { hub_token(); }, Fault::usage);
  EXPECT_THAT(error, HasSubstr("HF_TOKEN"));
  EXPECT_THAT(error, testing::Not(HasSubstr("Host: y"))) << "a token is not shown";
  ::unsetenv("HF_TOKEN");
}

TEST_F(HubEnvironment, TheEndpointIsWhatIsNearest) {
  EXPECT_EQ(hub_endpoint(""), "https://huggingface.co");
  ::setenv("HF_ENDPOINT", "https://mirror.example/", 1);
  EXPECT_EQ(hub_endpoint(""), "https://mirror.example");
  ::setenv("COPPICE_HUB_ENDPOINT", "https://own.example/hub", 1);
  EXPECT_EQ(hub_endpoint(""), "https://own.example/hub");
  EXPECT_EQ(hub_endpoint("http://given.example:81"), "http://given.example:81");
  EXPECT_THAT(error_of([] { hub_endpoint("given.example/x?y"); }, Fault::usage), HasSubstr("--endpoint"));
}

}  // namespace
}  // namespace coppice
