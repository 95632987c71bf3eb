// GGUF files of real shapes with random weights and a small tokenizer, which llama.cpp and its kin load too:
//   peer_make_models FOLDER [SHAPE…]
// SHAPE is qwen05 (Qwen2-0.5B), llama1b (Llama-3.2-1B), moe (12 layers of width 1024, 32 experts of 512, 4 at work) or
// dense (the same with a feed-forward of as many neurons as four experts have); without any, all four. Each is
// written as FOLDER/SHAPE-TYPE.gguf of the types bf16, q8_0 and q4_0.

#include <iostream>

#include "base/file.h"
#include "base/json.h"
#include "bench/random_model.h"
#include "model/gguf/export_gguf.h"
#include "text/train_bpe.h"

namespace {

using namespace coppice;
namespace fs = std::filesystem;

ModelSpec model_of(const std::string& shape) {
  ModelSpec spec{.family = "llama", .vocabulary = 32000, .width = 1024, .context = 8192};
  AttentionSpec attention{.heads = 16, .kv_heads = 8, .head_dim = 64};
  FfnSpec ffn = DenseFfnSpec{.width = 4 * 512};
  int64_t layers = 12;
  spec.tied_embeddings = false;
  if (shape == "qwen05") {
    spec.family = "qwen2";
    spec.vocabulary = 151936, spec.width = 896, spec.tied_embeddings = true;
    attention = {.heads = 14, .kv_heads = 2, .head_dim = 64};
    attention.qkv_bias = true;
    attention.rope.theta = 1e6;
    ffn = DenseFfnSpec{.width = 4864};
    layers = 24;
  } else if (shape == "llama1b") {
    spec.vocabulary = 128256, spec.width = 2048, spec.tied_embeddings = true;
    attention = {.heads = 32, .kv_heads = 8, .head_dim = 64};
    attention.rope.theta = 5e5;
    ffn = DenseFfnSpec{.width = 8192};
    layers = 16;
  } else if (shape == "moe") {
    spec.family = "mixtral";
    ffn = MoeSpec{.widths = std::vector<int64_t>(32, 512), .top_k = 4};
  } else if (shape != "dense") {
    throw Error({.where = shape, .found = "no such shape", .expected = "qwen05, llama1b, moe or dense"});
  }
  spec.bos_id = 1;
  spec.eos_ids = {2};
  spec.blocks.assign(static_cast<size_t>(layers), {attention, ffn});
  return spec;
}

void make(const fs::path& folder, const std::string& shape) {
  const fs::path directory = folder / shape;
  write_random(directory, model_of(shape));
  write_file(directory / "text.txt", "a few words, of which a tokenizer can learn a few more words");
  const BpeTraining training{.vocabulary = 300, .special_tokens = {"<unk>", "<s>", "</s>"}, .add_bos = true};
  write_tokenizer(train_bpe({directory / "text.txt"}, training), training, directory);
  const auto model = open_model(directory);
  for (const GgufWeights type : {GgufWeights::bf16, GgufWeights::q8_0, GgufWeights::q4_0}) {
    const fs::path file = folder / (shape + "-" + to_string(type) + ".gguf");
    const GgufExport written = export_gguf(*model, type, file);
    std::cout << to_line({{"file", file.string()},
                          {"architecture", written.architecture},
                          {"bytes", written.bytes}})
              << std::endl;
  }
  fs::remove_all(directory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: peer_make_models FOLDER [SHAPE...]\n";
    return 2;
  }
  try {
    fs::create_directories(argv[1]);
    std::vector<std::string> shapes(argv + 2, argv + argc);
    if (shapes.empty()) shapes = {"qwen05", "llama1b", "moe", "dense"};
    for (const auto& shape : shapes) make(argv[1], shape);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
