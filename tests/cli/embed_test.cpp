// embed, and what other verbs make of an encoder, as a user meets them.

#include <cstring>

#include <gmock/gmock.h>

#include "base/json.h"
#include "base/strings.h"
#include "cli/process.h"
#include "model/model_directory.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class EmbedVerb : public ::testing::Test {
 protected:
  EmbedVerb() {
    ModelSpec spec = {.family = "bert",
                      .vocabulary = 10,
                      .width = 4,
                      .context = 16,
                      .learned_positions = true,
                      .token_types = 2,
                      .embedding_norm = true,
                      .final_norm = false,
                      .head = HeadKind::none,
                      .norm = NormKind::layer};
    const AttentionSpec attention{.heads = 2,
                                  .kv_heads = 2,
                                  .head_dim = 2,
                                  .qkv_bias = true,
                                  .output_bias = true,
                                  .rope = {.fraction = 0},
                                  .causal = false};
    const DenseFfnSpec ffn{.width = 5, .gated = false, .bias = true, .activation = Activation::gelu};
    spec.blocks = {{attention, ffn, NormPlacement::post_sum}};
    std::vector<std::vector<float>> values;
    std::vector<TensorData> tensors;
    values.reserve(tensor_table(spec).size());
    for (const auto& tensor : tensor_table(spec)) {
      auto& list = values.emplace_back();
      for (int64_t i = 0; i < tensor.count(); ++i)
        list.push_back(0.1F * static_cast<float>((i * 7 + 3) % 11 - 5));
      tensors.push_back({tensor.name, DType::f32, tensor.shape, std::as_bytes(std::span(list))});
    }
    write_model(folder_.path(), spec, tensors);
    write_file(folder_ / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\nquery\n");
    write_file(folder_ / "modules.json",
               R"([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                   {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                   {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])");
    fs::create_directories(folder_ / "1_Pooling");
    write_file(folder_ / "1_Pooling/config.json",
               R"({"pooling_mode_mean_tokens": true, "word_embedding_dimension": 4})");
    write_file(folder_ / "config_sentence_transformers.json", R"({"prompts": {"query": "query "}})");
    write_file(folder_ / "texts.txt", "a b\n\nc d\r\n");
    model_ = folder_.path().string();
    texts_ = (folder_ / "texts.txt").string();
  }

  TemporaryFolder folder_;
  std::string model_, texts_;
};

TEST_F(EmbedVerb, PrintsOneObjectALine) {
  const Outcome outcome = run_coppice({"embed", model_, texts_, "--lines"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("3 texts, 10 tokens"));
  const auto lines = split(outcome.out, '\n');
  ASSERT_EQ(lines.size(), 4U);
  for (size_t i = 0; i < 3; ++i) {
    const Json json = parse_json(lines[i], "line");
    EXPECT_EQ(json["index"], i);
    double squares = 0;
    for (const double value : json["embedding"]) squares += value * value;
    EXPECT_NEAR(squares, 1, 1e-5);
  }
}

TEST_F(EmbedVerb, WritesTheSameToEveryPlace) {
  const std::string npy = (folder_ / "v.npy").string(), jsonl = (folder_ / "v.jsonl").string();
  const Outcome summary =
      run_coppice({"embed", model_, texts_, "--lines", "-o", npy, "--json", "--batch", "1"});
  ASSERT_EQ(summary.exit_code, 0) << summary.err;
  const Json json = parse_json(summary.out, "stdout");
  EXPECT_EQ(json["texts"], 3);
  EXPECT_EQ(json["width"], 4);
  EXPECT_EQ(json["tokens"], 10);
  EXPECT_EQ(json["pooling"], Json::array({"mean"}));
  EXPECT_EQ(json["normalized"], true);
  EXPECT_EQ(run_coppice({"embed", model_, texts_, "--lines", "-o", jsonl}).exit_code, 0);
  EXPECT_EQ(read_file(jsonl), run_coppice({"embed", model_, texts_, "--lines"}).out);
  const std::string bytes = read_file(npy);
  const size_t begin = 10 + static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ(begin % 64, 0U);
  EXPECT_EQ(bytes.substr(0, 6), "\x93NUMPY");
  EXPECT_THAT(bytes.substr(10, begin),
              HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"));
  ASSERT_EQ(bytes.size(), begin + 3 * 4 * sizeof(float));
  const Json inline_json =
      parse_json(run_coppice({"embed", model_, texts_, "--lines", "--json"}).out, "stdout");
  for (size_t i = 0; i < 12; ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + begin + i * sizeof(float), sizeof(float));
    EXPECT_EQ(inline_json["embeddings"][i / 4][i % 4].get<float>(), value);
    EXPECT_EQ(parse_json(split(read_file(jsonl), '\n')[i / 4], "line")["embedding"][i % 4].get<float>(),
              value);
  }
}

TEST_F(EmbedVerb, ReadsStandardInputAndPrompts) {
  const auto piped = [&](const std::string& text, std::vector<std::string> words) {
    std::string command = "printf " + shell_quoted(text) + " | " + shell_quoted(coppice_program().string());
    for (const auto& word : words) command += " " + shell_quoted(word);
    command += " >" + shell_quoted((folder_ / "out").string()) + " 2>/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return read_file(folder_ / "out");
  };
  EXPECT_EQ(piped("a b\n\nc d\n", {"embed", model_, "--lines"}),
            run_coppice({"embed", model_, texts_, "--lines"}).out);
  const std::string prompted = piped("a", {"embed", model_, "-", "--prompt-name", "query"});
  EXPECT_EQ(prompted, piped("query a", {"embed", model_}));
  EXPECT_EQ(prompted, piped("a", {"embed", model_, "--prompt", "query "}));
  EXPECT_NE(prompted, piped("a", {"embed", model_}));
  EXPECT_NE(prompted, piped("a", {"embed", model_, "--pooling", "cls", "--prompt", "query "}));
}

TEST_F(EmbedVerb, FaultsAreExplained) {
  const Outcome name = run_coppice({"embed", model_, texts_, "--prompt-name", "document"});
  EXPECT_EQ(name.exit_code, 2);
  EXPECT_THAT(name.err, HasSubstr("one of: query"));
  const Outcome output = run_coppice({"embed", model_, texts_, "-o", "vectors.bin"});
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_THAT(output.err, HasSubstr(".npy or .jsonl"));
  const Outcome pooler = run_coppice({"embed", model_, texts_, "--pooling", "pooler"});
  EXPECT_EQ(pooler.exit_code, 2);
  EXPECT_THAT(pooler.err, HasSubstr("no pooler"));
  write_file(folder_ / "modules.json", R"([{"type": "sentence_transformers.models.CLIPModel"}])");
  const Outcome module = run_coppice({"embed", model_, texts_});
  EXPECT_EQ(module.exit_code, 3);
  EXPECT_THAT(module.err, HasSubstr("Transformer, Pooling, Dense or Normalize"));
  fs::remove(folder_ / "modules.json");
  const Outcome plain = run_coppice({"embed", model_, texts_});
  EXPECT_EQ(plain.exit_code, 0);
  EXPECT_THAT(plain.err, HasSubstr("does not say how tokens become a vector"));
}

TEST_F(EmbedVerb, OtherVerbsSayWhatAnEncoderIsFor) {
  const Outcome info = run_coppice({"info", model_});
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_THAT(info.out, HasSubstr("attention sees both ways"));
  EXPECT_THAT(info.out, HasSubstr("mean, then normalize"));
  const Json json = parse_json(run_coppice({"info", model_, "--json"}).out, "stdout");
  EXPECT_EQ(json["encoder"], true);
  EXPECT_EQ(json["head"], "none");
  EXPECT_EQ(json["vectors"]["prompts"]["query"], "query ");
  for (const auto& words :
       {std::vector<std::string>{"run", model_, "a"}, {"eval", model_, "--text", texts_}}) {
    const Outcome refused = run_coppice(words);
    EXPECT_EQ(refused.exit_code, 3);
    EXPECT_THAT(refused.err, HasSubstr("coppice embed"));
  }
  const Outcome tokens = run_coppice({"tokenize", model_, "a b", "--json"});
  EXPECT_EQ(parse_json(tokens.out, "stdout")["ids"], Json::array({2, 5, 6, 3}));
}

}  // namespace
}  // namespace coppice::test
