#include "model/gguf/export_gguf.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "model/gguf/architectures.h"
#include "model/gguf/gguf_model.h"
#include "text/gguf/gguf_tokenizer.h"

namespace coppice {
namespace {

struct TypeNumbers {
  GgufWeights weights;
  GgmlType type;
  uint32_t file_type;  // general.file_type
};

constexpr TypeNumbers type_numbers[] = {
    {GgufWeights::f32, GgmlType::f32, 0},    {GgufWeights::f16, GgmlType::f16, 1},
    {GgufWeights::q4_0, GgmlType::q4_0, 2},  {GgufWeights::q4_1, GgmlType::q4_1, 3},
    {GgufWeights::q8_0, GgmlType::q8_0, 7},  {GgufWeights::q5_0, GgmlType::q5_0, 8},
    {GgufWeights::q5_1, GgmlType::q5_1, 9},  {GgufWeights::q4_k, GgmlType::q4_k, 15},
    {GgufWeights::q5_k, GgmlType::q5_k, 17}, {GgufWeights::q6_k, GgmlType::q6_k, 18},
    {GgufWeights::bf16, GgmlType::bf16, 32}};

const TypeNumbers& numbers_of(GgufWeights weights) {
  const auto found = std::find_if(std::begin(type_numbers), std::end(type_numbers),
                                  [&](const auto& numbers) { return numbers.weights == weights; });
  COPPICE_CHECK(found != std::end(type_numbers), "every type is in the table");
  return *found;
}

void add_tokenizer(const ModelFiles& model, GgufMetadata& metadata) {
  const ModelSpec& spec = model.spec();
  if (const auto* gguf = dynamic_cast<const GgufModel*>(&model)) {
    for (const auto& [key, value] : gguf->metadata().entries())
      if (key.starts_with("tokenizer.")) metadata.add(key, value);
    return;
  }
  add_gguf_tokenizer(
      model.path(),
      {.vocabulary = spec.vocabulary,
       .bos_id = spec.bos_id,
       .eos_ids = spec.eos_ids,
       // llama.cpp wants a number even where there are none.
       .token_types =
           gguf_architecture(metadata).embedding_norm ? std::max<int64_t>(1, spec.token_types) : 0},
      metadata);
}

// The block of "blk.7.ffn_down.weight" is 7.
int64_t block_of(const std::string& name) {
  constexpr std::string_view start = "blk.";
  return name.starts_with(start) ? std::strtoll(name.c_str() + start.size(), nullptr, 10) : -1;
}

// Blocks whose most sensitive matrices get more bits: the first and the last eighth, and every third between.
bool is_sensitive(int64_t block, int64_t blocks) {
  const int64_t eighth = blocks / 8;
  return block < eighth || block >= 7 * eighth || (block - eighth) % 3 == 2;
}

// llama.cpp's mixtures: the head is Q6_K unless all is finer; with q4_k and q5_k, values and down projections of
// sensitive blocks are Q6_K, and fused queries, keys and values have a bit more.
GgmlType mixed_type(const std::string& name, const ModelSpec& spec, GgmlType wanted) {
  const bool head = name == (spec.tied_embeddings ? "token_embd.weight" : "output.weight");
  if (head) return wanted == GgmlType::q8_0 ? wanted : GgmlType::q6_k;
  if (wanted != GgmlType::q4_k && wanted != GgmlType::q5_k) return wanted;
  const auto is = [&](const char* part) { return name.find(part) != std::string::npos; };
  const auto blocks = static_cast<int64_t>(spec.blocks.size());
  if ((is(".attn_v.") || is(".ffn_down")) && is_sensitive(block_of(name), blocks)) return GgmlType::q6_k;
  if (is(".attn_qkv.")) return wanted == GgmlType::q4_k ? GgmlType::q5_k : GgmlType::q6_k;
  return wanted;
}

// What llama.cpp takes where a row is no multiple of 256.
GgmlType without_k(GgmlType type) {
  if (type == GgmlType::q4_k) return GgmlType::q5_0;
  if (type == GgmlType::q5_k) return GgmlType::q5_1;
  return GgmlType::q8_0;
}

GgmlType type_of(const std::string& name, const std::vector<int64_t>& shape, const ModelSpec& spec,
                 GgmlType wanted) {
  if (shape.size() < 2 || name.ends_with("ffn_gate_inp.weight") || name.ends_with("attn_rel_b.weight") ||
      name == "position_embd.weight" || name == "token_types.weight")
    return GgmlType::f32;
  if (ggml_type_info(wanted).block_elements == 1) return wanted;
  GgmlType type = mixed_type(name, spec, wanted);
  const auto divides = [&] { return shape.back() % ggml_type_info(type).block_elements == 0; };
  if (!divides() && ggml_type_info(type).block_elements > 32) type = without_k(type);
  return divides() ? type : GgmlType::f16;
}

// The tensors of the file; experts are stacked, and queries, keys and values where the architecture has it
// so.
class Layout {
 public:
  Layout(const ModelFiles& model, const GgufArchitecture& architecture, GgmlType type)
      : model_(model), interleaved_(architecture.interleaved_rope) {
    const ModelSpec spec = gguf_part(model.spec(), architecture);
    for (const auto& tensor : tensor_table(spec)) {
      const auto name = gguf_tensor_name(tensor.name, architecture);
      COPPICE_CHECK(name.has_value(), "no obstacle: " + tensor.name);
      if (name->expansion) {
        add_expansion(*name, tensor.name);
        continue;
      }
      auto [place, fresh] = place_of_.emplace(name->name, parts_.size());
      if (fresh) parts_.push_back({.name = *name, .shape = tensor.shape});
      Part& part = parts_[place->second];
      if (name->qkv && !fresh) part.shape.front() += tensor.shape.front();
      part.sources.push_back(tensor.name);
    }
    for (auto& part : parts_) {
      if (part.name.flat) part.shape.erase(part.shape.begin());
      if (part.name.expert) part.shape.insert(part.shape.begin(), static_cast<int64_t>(part.sources.size()));
      part.type = type_of(part.name.name, part.shape, spec, type);
      if (part.type == GgmlType::f16 && ggml_type_info(type).block_elements > 1)
        not_blocks.push_back(part.name.name);
    }
  }

  // Valid while this lives.
  std::vector<GgufTensorData> tensors() const {
    std::vector<GgufTensorData> list;
    for (const auto& part : parts_)
      list.push_back({part.name.name, part.type, part.shape, [this, &part] { return bytes_of(part); }});
    return list;
  }

  // Those whose bytes were asked for.
  const std::vector<WrittenTensor>& written() const { return written_; }

  std::vector<std::string> not_blocks;

 private:
  struct Part {
    GgufTensorName name;
    std::vector<int64_t> shape;
    std::vector<std::string> sources;  // canonical names
    GgmlType type = GgmlType::f32;
    std::optional<bool> expansion_values = {};  // the values, or the keys, of an expansion
  };

  const LatentAttentionSpec& latent() const {
    return std::get<LatentAttentionSpec>(model_.spec().blocks.front().mixer);
  }

  void add_expansion(const GgufTensorName& name, const std::string& source) {
    for (const bool values : {false, true}) {
      Part part{.name = name, .shape = {latent().heads, latent().latent_rank, latent().plain_dim}};
      if (values) part.shape = {latent().heads, latent().value_dim, latent().latent_rank};
      part.name.name = expansion_part(name.name, values);
      part.sources = {source};
      part.expansion_values = values;
      parts_.push_back(std::move(part));
    }
  }

  std::vector<std::byte> bytes_of(const Part& part) const {
    const std::string where = model_.path().string() + ": " + part.name.name;
    std::vector<std::byte> bytes;
    WeightError error;
    for (const auto& source : part.sources) {
      const std::vector<float> values = floats_of(part, source);
      auto slice = quantize(part.type, values, where);
      if (part.type != GgmlType::f32)
        error.add(values, dequantize(static_cast<uint32_t>(part.type), slice, where));
      if (part.sources.size() == 1)
        bytes = std::move(slice);
      else
        bytes.insert(bytes.end(), slice.begin(), slice.end());
    }
    written_.push_back({part.name.name, ggml_type_info(part.type).name, part.shape,
                        static_cast<int64_t>(bytes.size()), error});
    return bytes;
  }

  std::vector<float> floats_of(const Part& part, const std::string& source) const {
    const TensorView view = model_.tensor(source);
    std::vector<float> values = view.to_floats();
    if (source == "model.embed_positions.weight")  // without the rows before that of position 0
      values.erase(values.begin(),
                   values.begin() + (view.shape.front() - part.shape.front()) * view.shape.back());
    if (part.expansion_values)
      return *part.expansion_values ? expansion_values(values, latent()) : expansion_keys(values, latent());
    if (!interleaved_ || !part.name.rotary) return values;
    const auto head_dim = std::get<AttentionSpec>(model_.spec().blocks.front().mixer).head_dim;
    const size_t row_bytes = values.size() / static_cast<size_t>(view.shape.front()) * sizeof(float);
    const auto rows =
        reorder_rotary_rows(std::as_bytes(std::span(values)), row_bytes, head_dim, RowOrder::halves_to_pairs);
    std::copy(rows.begin(), rows.end(), std::as_writable_bytes(std::span(values)).begin());
    return values;
  }

  const ModelFiles& model_;
  bool interleaved_;
  std::map<std::string, size_t> place_of_;
  std::vector<Part> parts_;
  mutable std::vector<WrittenTensor> written_;
};

// The pooling of the directory, or that of the GGUF file that is written again.
std::optional<Pooling> pooling_of(const ModelFiles& model, const SentenceSpec* sentence) {
  if (const auto* gguf = dynamic_cast<const GgufModel*>(&model)) return gguf_pooling(gguf->metadata());
  if (sentence == nullptr) return std::nullopt;
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    return Error({.where = model.path().string(), .found = found, .expected = expected});
  };
  if (sentence->pooling.size() != 1) throw refuse("several kinds of pooling", "one, as GGUF can say");
  if (sentence->lower_case) throw refuse("texts that are lower-cased first", "a tokenizer that does so");
  for (const auto& stage : sentence->stages)
    if (std::holds_alternative<DenseStage>(stage)) throw refuse("a Dense module", "none behind the pooling");
  return sentence->pooling.front();
}

// What of a model is not written.
std::vector<std::string> left_out(const ModelSpec& spec, const ModelSpec& part,
                                  const SentenceSpec* sentence) {
  std::set<std::string> written;
  for (const auto& tensor : tensor_table(part)) written.insert(tensor.name);
  std::vector<std::string> names;
  for (const auto& tensor : tensor_table(spec))
    if (!written.contains(tensor.name)) names.push_back(tensor.name);
  if (sentence != nullptr && !sentence->prompts.empty()) names.push_back("prompts");
  return names;
}

// A name for people: that of the folder or file.
std::string title_of(const std::filesystem::path& path) {
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).stem().string();
}

}  // namespace

GgufExport export_gguf(const ModelFiles& model, GgufWeights weights, const std::filesystem::path& out,
                       const SentenceSpec* sentence) {
  const ModelSpec& spec = model.spec();
  const TypeNumbers& numbers = numbers_of(weights);
  const std::string architecture = writable_architecture(spec, model.path().string());
  GgufMetadata metadata(out.string());
  const ModelSpec part = gguf_part(spec, gguf_architectures().get(architecture));
  add_spec(part, architecture, metadata);
  if (const auto pooling = pooling_of(model, sentence))
    add_pooling(*pooling, model.path().string(), metadata);
  metadata.add("general.name", title_of(model.path()));
  metadata.add("general.file_type", numbers.file_type);
  metadata.add("general.quantization_version", uint32_t{2});
  add_tokenizer(model, metadata);

  const Layout layout(model, gguf_architectures().get(architecture), numbers.type);
  auto tensors = layout.tensors();
  if (const auto factors = rope_factors(spec); !factors.empty())
    tensors.push_back({rope_factors_name, GgmlType::f32, {static_cast<int64_t>(factors.size())}, [factors] {
                         const auto bytes = std::as_bytes(std::span(factors));
                         return std::vector<std::byte>(bytes.begin(), bytes.end());
                       }});
  write_gguf(out, metadata, tensors);
  return {.architecture = architecture,
          .tensors = static_cast<int64_t>(tensors.size()),
          .bytes = static_cast<int64_t>(std::filesystem::file_size(out)),
          .not_blocks = layout.not_blocks,
          .left_out = left_out(spec, part, sentence),
          .written = layout.written()};
}

}  // namespace coppice
