// docs/formats.md holds one table per struct of a ModelSpec, and each is what the struct's field visit says.

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/arch/families.h"

namespace coppice {
namespace {

std::string escaped(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string limits_of(const Field& info) {
  std::string text;
  if (info.min) text += fmt::format("{} {}", info.above_min ? ">" : "≥", *info.min);
  if (info.max) text += fmt::format("{}≤ {}", info.min ? ", " : "", static_cast<int64_t>(*info.max));
  return text;
}

template <class T>
std::string field_table() {
  std::string text = "| field | type | default | limits | meaning |\n|---|---|---|---|---|\n";
  for (const auto& doc : describe<T>()) {
    const bool own = doc.type == "object" && doc.fallback != "null";
    const std::string fallback = doc.info.required ? "required" : own ? "its own" : "`" + doc.fallback + "`";
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", doc.name, escaped(doc.type), fallback,
                        limits_of(doc.info), escaped(doc.info.help));
  }
  return text;
}

template <class T>
void expect_documented() {
  const std::string page = read_file(std::string(COPPICE_SOURCE) + "/docs/formats.md");
  EXPECT_NE(page.find(field_table<T>()), page.npos) << "docs/formats.md lacks this table:\n"
                                                    << field_table<T>();
}

TEST(FormatsPage, HoldsTheFieldsOfEveryStruct) {
  expect_documented<ModelSpec>();
  expect_documented<BlockSpec>();
  expect_documented<AttentionSpec>();
  expect_documented<ShortConvSpec>();
  expect_documented<LatentAttentionSpec>();
  expect_documented<RopeSpec>();
  expect_documented<RelativeBiasSpec>();
  expect_documented<EncoderSpec>();
  expect_documented<DenseFfnSpec>();
  expect_documented<MoeSpec>();
  expect_documented<RouterSpec>();
  expect_documented<WordBlock>();
  expect_documented<RoutingVocabularySpec>();
}

// The example is a model as it says.
TEST(FormatsPage, ExampleIsGlam) {
  const std::string page = read_file(std::string(COPPICE_SOURCE) + "/docs/formats.md");
  const std::string fence = "```json glam\n";
  const size_t begin = page.find(fence);
  ASSERT_NE(begin, page.npos);
  const std::string text =
      page.substr(begin + fence.size(), page.find("```\n", begin + 1) - begin - fence.size());
  const ModelSpec spec = spec_from_config(parse_json(text, "docs/formats.md"), "docs/formats.md");
  ASSERT_EQ(spec.blocks.size(), 2u);
  for (const auto& block : spec.blocks) {
    const auto& attention = std::get<AttentionSpec>(block.mixer);
    EXPECT_EQ(attention.rope.fraction, 0);
    EXPECT_EQ(attention.relative_bias, (RelativeBiasSpec{.buckets = 32}));
  }
  EXPECT_EQ(spec.blocks[0].ffn, FfnSpec(DenseFfnSpec{.width = 128, .activation = Activation::gelu}));
  const MoeSpec moe = {
      .widths = {128, 128, 128, 128}, .top_k = 2, .gated = false, .activation = Activation::gelu};
  EXPECT_EQ(spec.blocks[1].ffn, FfnSpec(moe));
}

}  // namespace
}  // namespace coppice
