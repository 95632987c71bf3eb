// Compares exported GGUF files of text encoders and encoder-decoders in llama.cpp with Coppice:
//
//   llama_cpp_encoders FOLDER [TYPE]
//
// FOLDER has model directories (as tests/peers/tiny_models.cpp writes them); those that are neither are passed over.
// Compared are the last hidden states of every token (of an encoder-decoder: the encoder's, and the logits at every
// position of an answer), as the largest difference over the largest value, and the ids of some texts.
// llama.cpp computes BERT's GELU by its approximation, so that such a model is compared with ours of the same weights
// and that activation; `exact` is the difference from the model itself. It does not scale what enters a tied head.
// Prints one line of JSON for each model; exit 1 if one disagrees.

#include <cmath>
#include <filesystem>
#include <iostream>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "llama.h"
#include "model/cross_attention.h"
#include "model/decoder.h"
#include "model/gguf/export_gguf.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<int32_t>;

constexpr const char* texts[] = {"The little text.", "a  TEXT, with   spaces\nand lines!", "naïve café", "x",
                                 "unseen 中文 words"};

// An opened GGUF file.
class Peer {
 public:
  explicit Peer(const fs::path& file, bool embeddings) {
    model_ = llama_model_load_from_file(file.c_str(), llama_model_default_params());
    if (model_ == nullptr) throw Error({.where = file.string(), .found = "llama.cpp cannot load it"});
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = 128;
    params.embeddings = embeddings;
    params.pooling_type = LLAMA_POOLING_TYPE_NONE;
    params.type_k = params.type_v = GGML_TYPE_F32;
    context_ = llama_init_from_model(model_, params);
  }
  ~Peer() {
    llama_free(context_);
    llama_model_free(model_);
  }

  // Rows of hidden states or logits.
  std::vector<float> run(const Ids& ids, bool encode, int64_t width, bool embeddings) {
    llama_batch batch = llama_batch_init(static_cast<int32_t>(ids.size()), 0, 1);
    for (size_t i = 0; i < ids.size(); ++i) {
      batch.token[i] = ids[i];
      batch.pos[i] = static_cast<int32_t>(i);
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = 1;
    }
    batch.n_tokens = static_cast<int32_t>(ids.size());
    const int failed = encode ? llama_encode(context_, batch) : llama_decode(context_, batch);
    llama_batch_free(batch);
    if (failed != 0) throw Error({.where = "llama.cpp", .found = "a pass that failed"});
    std::vector<float> rows;
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto at = static_cast<int32_t>(i);
      const float* row =
          embeddings ? llama_get_embeddings_ith(context_, at) : llama_get_logits_ith(context_, at);
      if (embeddings && encode && row == nullptr)
        row = llama_get_embeddings(context_) + static_cast<int64_t>(i) * width;
      rows.insert(rows.end(), row, row + width);
    }
    return rows;
  }

  // The encoder's output of an encoder-decoder, which llama.cpp keeps in one piece.
  std::vector<float> encode(const Ids& ids, int64_t width) {
    llama_batch batch =
        llama_batch_get_one(const_cast<int32_t*>(ids.data()), static_cast<int32_t>(ids.size()));
    if (llama_encode(context_, batch) != 0)
      throw Error({.where = "llama.cpp", .found = "a pass that failed"});
    const float* rows = llama_get_embeddings(context_);
    if (rows == nullptr) return {};
    return std::vector<float>(rows, rows + static_cast<int64_t>(ids.size()) * width);
  }

  Ids tokenize(const std::string& text) const {
    Ids ids(text.size() + 8);
    const int32_t count =
        llama_tokenize(llama_model_get_vocab(model_), text.data(), static_cast<int32_t>(text.size()),
                       ids.data(), static_cast<int32_t>(ids.size()), true, true);
    ids.resize(static_cast<size_t>(std::max(count, 0)));
    return ids;
  }

 private:
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
};

double difference(const std::vector<float>& ours, const std::vector<float>& theirs, double scale = 1) {
  if (ours.size() != theirs.size()) return INFINITY;
  double largest = 0, size = 1;
  for (size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(ours[i] - theirs[i] * scale));
    size = std::max(size, std::abs(static_cast<double>(ours[i])));
  }
  return largest / size;
}

// A directory of the same weights whose feed-forwards have the approximation of GELU.
fs::path approximated(const fs::path& model, const fs::path& scratch) {
  const fs::path copy = scratch / "approximated";
  fs::remove_all(copy);
  fs::copy(model, copy);
  Json config = read_json_file(copy / "config.json");
  for (const char* key : {"hidden_act", "activation"})
    if (config.contains(key)) config[key] = "gelu_new";
  write_file(copy / "config.json", to_text(config));
  return copy;
}

std::vector<float> states_of(const fs::path& model, const Ids& ids) {
  Decoder decoder(open_model(model), WeightType::f32);
  const Decoder::Input input{.tokens = ids};
  return decoder.hidden_states({&input, 1});
}

bool compare(const fs::path& model, const fs::path& scratch, GgufWeights type) {
  const auto files = open_model(model);
  const ModelSpec& spec = files->spec();
  if (!spec.encoder && is_causal(spec)) return true;
  const fs::path file = scratch / "model.gguf";
  const GgufExport written = export_gguf(*files, type, file);
  Json line = {{"model", model.filename().string()}, {"architecture", written.architecture}};
  const auto tokenizer = load_tokenizer(model), again = load_tokenizer(file);
  const auto vocabulary = static_cast<int32_t>(tokenizer->vocabulary());
  Ids source;
  for (int32_t i = 0; i < 40; ++i) source.push_back(3 + i * 7 % (vocabulary - 3));
  double worst = 0;
  int64_t same = 0;
  {
    Peer peer(file, true);
    for (const char* text : texts) {
      const Ids ours = tokenizer->encode(text), theirs = peer.tokenize(text), own = again->encode(text);
      same += ours == theirs && ours == own;
      if (ours != theirs || ours != own)
        line["other_ids"].push_back({{"text", text}, {"ours", ours}, {"theirs", theirs}, {"again", own}});
    }
    if (!spec.encoder) {
      const auto theirs = spec.learned_positions ? peer.run(source, false, spec.width, true)
                                                 : peer.encode(source, spec.width);
      const bool gelu = spec.learned_positions;
      const fs::path comparable = gelu                       ? approximated(model, scratch)
                                  : type == GgufWeights::f32 ? model
                                                             : file;
      worst = difference(states_of(comparable, source), theirs);
      line["states"] = worst;
      if (gelu) line["exact"] = difference(states_of(model, source), theirs);
      if (gelu) line["read_again"] = difference(states_of(model, source), states_of(file, source));
    }
  }
  if (spec.encoder) {
    Decoder decoder(open_model(model), WeightType::f32);
    const std::span<const int32_t> whole = source;
    const auto encoded = decoder.encode({&whole, 1}).front();
    Ids answer = {static_cast<int32_t>(spec.decoder_start_id.value_or(0))};
    for (int32_t i = 0; i < 30; ++i) answer.push_back(3 + i * 11 % (vocabulary - 3));
    const Decoder::Input input{.tokens = answer, .all_logits = true, .source = encoded.get()};
    const auto ours = decoder.forward({&input, 1});
    Peer peer(file, false);
    peer.encode(source, spec.width);
    const auto theirs = peer.run(answer, false, spec.vocabulary, false);
    worst = difference(ours, theirs, spec.logit_scale);
    line["logits"] = worst;
    Decoder reader(open_model(file), WeightType::f32);
    const auto encoded_again = reader.encode({&whole, 1}).front();
    const Decoder::Input input_again{.tokens = answer, .all_logits = true, .source = encoded_again.get()};
    line["read_again"] = difference(ours, reader.forward({&input_again, 1}));
  }
  line["same_ids"] = fmt::format("{} of {}", same, std::size(texts));
  std::cout << to_line(line) << std::endl;
  const bool has_gelu = spec.learned_positions || std::get<DenseFfnSpec>(spec.blocks.front().ffn).gated;
  return worst <= (type != GgufWeights::f32 ? 0.25 : has_gelu ? 2e-2 : 2e-5);
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  using namespace coppice;
  if (argc < 2) {
    std::cerr << "usage: llama_cpp_encoders FOLDER [TYPE]\n";
    return 2;
  }
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::cerr << text;
      },
      nullptr);
  const fs::path scratch = fs::temp_directory_path() / fmt::format("coppice-peer-{}", std::random_device{}());
  fs::create_directories(scratch);
  bool agrees = true;
  try {
    const GgufWeights type = from_json<GgufWeights>(argc > 2 ? argv[2] : "f32", "TYPE");
    std::vector<fs::path> models;
    for (const auto& entry : fs::directory_iterator(argv[1])) models.push_back(entry.path());
    std::sort(models.begin(), models.end());
    for (const auto& model : models) try {
        agrees = compare(model, scratch, type) && agrees;
      } catch (const Error& error) {
        std::cout << to_line(Json{{"model", model.filename().string()}, {"error", error.what()}})
                  << std::endl;
        agrees = false;
      }
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    agrees = false;
  }
  fs::remove_all(scratch);
  return agrees ? 0 : 1;
}
