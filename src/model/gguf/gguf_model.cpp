#include "model/gguf/gguf_model.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <set>
#include <unordered_map>

#include "base/nearest.h"
#include "base/parallel.h"
#include "model/gguf/architectures.h"

namespace coppice {
namespace {

// Types that safetensors have too, so that they may be used as they lie.
std::optional<DType> plain_dtype(uint32_t type) {
  switch (static_cast<GgmlType>(type)) {
    case GgmlType::f32:
      return DType::f32;
    case GgmlType::f16:
      return DType::f16;
    case GgmlType::bf16:
      return DType::bf16;
    case GgmlType::f64:
      return DType::f64;
    default:
      return std::nullopt;
  }
}

template <class View, class T>
void hold(View& view, std::vector<T> values) {
  auto memory = std::make_shared<const std::vector<T>>(std::move(values));
  view.bytes = std::as_bytes(std::span(*memory));
  view.memory = std::move(memory);
}

// The block that a tensor belongs to, by its canonical name, has so many experts.
int64_t experts_of(const ModelSpec& spec) {
  const MoeSpec* moe =
      moe_of(spec.blocks.back());  // blocks of a GGUF file are alike, but the first may be dense
  return moe == nullptr ? 0 : moe->experts();
}

// Rows of the queries, keys and values of a block.
std::array<int64_t, 3> qkv_rows(const ModelSpec& spec) {
  const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
  const int64_t kv = attention.kv_heads * attention.head_dim;
  return {attention.heads * attention.head_dim, kv, kv};
}

// The shape of the tensor in the file, of which the wanted one may be a slice.
std::vector<int64_t> shape_in_file(const GgufBinding& binding, const ModelSpec& spec) {
  std::vector<int64_t> shape = binding.wanted.shape;
  if (binding.name.expert) shape.insert(shape.begin(), experts_of(spec));
  if (binding.name.qkv) {
    const auto rows = qkv_rows(spec);
    shape.front() = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  }
  if (binding.values != nullptr) {
    const auto& attention = std::get<LatentAttentionSpec>(spec.blocks.front().mixer);
    return {attention.heads, attention.latent_rank, attention.plain_dim};
  }
  if (binding.name.flat && binding.tensor->shape.size() == 1) shape.erase(shape.begin());
  return shape;
}

// The bytes of the wanted tensor in the file's: all of them, or those of an expert or of the queries, keys or
// values.
std::span<const std::byte> slice_of(const GgufBinding& binding, const ModelSpec& spec,
                                    const std::string& where) {
  const GgufTensor& tensor = *binding.tensor;
  const std::span<const std::byte> bytes = tensor.bytes;
  size_t first = 0, count = 1, all = 1;  // in rows of the first dimension
  if (binding.name.expert) {
    first = static_cast<size_t>(*binding.name.expert);
    all = static_cast<size_t>(tensor.shape.front());
  }
  if (binding.name.qkv) {
    const auto rows = qkv_rows(spec);
    const auto part = static_cast<size_t>(*binding.name.qkv);
    first = static_cast<size_t>(std::accumulate(rows.begin(), rows.begin() + *binding.name.qkv, int64_t{0}));
    count = static_cast<size_t>(rows[part]);
    all = static_cast<size_t>(tensor.shape.front());
  }
  // Blocks lie along rows, so that only those of a vector could lie across the parts.
  if (bytes.size() % all != 0 || (binding.name.qkv && tensor.shape.size() == 1 && !plain_dtype(tensor.type)))
    throw Error({.where = where + ": " + tensor.name,
                 .found = fmt::format("blocks of type {}", find_ggml_type(tensor.type)->name),
                 .expected = "plain numbers in a vector of several parts"});
  const size_t row = bytes.size() / all;
  return bytes.subspan(first * row, count * row);
}

}  // namespace

std::vector<std::byte> reorder_rotary_rows(std::span<const std::byte> rows, size_t row_bytes,
                                           int64_t head_dim, RowOrder order) {
  const auto half = static_cast<size_t>(head_dim) / 2, head_bytes = 2 * half * row_bytes;
  COPPICE_CHECK(head_bytes > 0 && rows.size() % head_bytes == 0, "whole heads");
  std::vector<std::byte> result(rows.size());
  const auto move_head = [&](size_t head) {
    for (size_t side = 0; side < 2; ++side)
      for (size_t i = 0; i < half; ++i) {
        size_t from = side * half + i, to = 2 * i + side;
        if (order == RowOrder::pairs_to_halves) std::swap(from, to);
        std::memcpy(result.data() + head + to * row_bytes, rows.data() + head + from * row_bytes, row_bytes);
      }
  };
  parallel_for(static_cast<int64_t>(rows.size() / head_bytes), 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) move_head(static_cast<size_t>(head) * head_bytes);
  });
  return result;
}

std::vector<float> expansion_keys(std::span<const float> whole, const LatentAttentionSpec& attention) {
  const auto plain = static_cast<size_t>(attention.plain_dim),
             value = static_cast<size_t>(attention.value_dim),
             latent = static_cast<size_t>(attention.latent_rank),
             heads = static_cast<size_t>(attention.heads);
  std::vector<float> keys(heads * latent * plain);
  for (size_t head = 0; head < heads; ++head)
    for (size_t row = 0; row < plain; ++row)
      for (size_t i = 0; i < latent; ++i)
        keys[(head * latent + i) * plain + row] = whole[(head * (plain + value) + row) * latent + i];
  return keys;
}

std::vector<float> expansion_values(std::span<const float> whole, const LatentAttentionSpec& attention) {
  const auto of_keys = static_cast<size_t>(attention.plain_dim * attention.latent_rank),
             of_values = static_cast<size_t>(attention.value_dim * attention.latent_rank);
  std::vector<float> values;
  for (size_t at = 0; at < whole.size(); at += of_keys + of_values) {
    const auto part = whole.subspan(at + of_keys, of_values);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

std::vector<float> join_expansion(std::span<const float> keys, std::span<const float> values,
                                  const LatentAttentionSpec& attention) {
  const auto plain = static_cast<size_t>(attention.plain_dim),
             latent = static_cast<size_t>(attention.latent_rank),
             of_values = static_cast<size_t>(attention.value_dim) * latent;
  std::vector<float> whole;
  whole.reserve(keys.size() + values.size());
  for (size_t head = 0; head < static_cast<size_t>(attention.heads); ++head) {
    for (size_t row = 0; row < plain; ++row)
      for (size_t i = 0; i < latent; ++i) whole.push_back(keys[(head * latent + i) * plain + row]);
    const auto part = values.subspan(head * of_values, of_values);
    whole.insert(whole.end(), part.begin(), part.end());
  }
  return whole;
}

std::map<std::string, GgufBinding> bind_gguf_tensors(const GgufContent& content, const ModelSpec& spec) {
  const std::string& where = content.metadata.where();
  std::unordered_map<std::string_view, const GgufTensor*> by_name;
  std::vector<std::string> names;
  for (const auto& tensor : content.tensors) {
    by_name.emplace(tensor.name, &tensor);
    names.push_back(tensor.name);
  }
  std::map<std::string, GgufBinding> bindings;
  const GgufArchitecture& architecture = gguf_architecture(content.metadata);
  GgufArchitecture other_way = architecture;
  other_way.fused_qkv = !architecture.fused_qkv;
  std::set<std::string_view> used;
  if (architecture.rope_factors) used.insert(rope_factors_name);
  // A table of the first T5 checkpoints that no formula uses.
  if (architecture.encoder_decoder) used.insert("dec.blk.0.cross_attn_rel_b.weight");
  for (const auto& wanted : tensor_table(spec)) {
    auto name = gguf_tensor_name(wanted.name, architecture);
    COPPICE_CHECK(name.has_value(), "a spec from a GGUF file has GGUF's tensors: " + wanted.name);
    auto found = by_name.find(name->name);
    if (found == by_name.end()) {  // queries, keys and values may be stacked or not
      const auto other = gguf_tensor_name(wanted.name, other_way);
      found = by_name.find(other->name);
      if (found != by_name.end()) name = other;
    }
    const GgufTensor* values = nullptr;
    if (found == by_name.end() && name->expansion) {
      const auto second = by_name.find(expansion_part(name->name, true));
      name->name = expansion_part(name->name, false);
      found = by_name.find(name->name);
      values = second == by_name.end() ? nullptr : second->second;
    }
    if (found == by_name.end() || (values == nullptr && name->name.find("attn_k_b.") != std::string::npos))
      throw Error({.where = where,
                   .found = fmt::format(
                       "no tensor '{}'",
                       found == by_name.end() ? name->name : fmt::format("attn_v_b beside {}", name->name)),
                   .expected = shape_text(wanted.shape),
                   .advice = content.tensors.empty() ? "" : suggest(name->name, names)});
    GgufBinding binding{.tensor = found->second, .values = values, .name = *name, .wanted = wanted};
    const auto shape = shape_in_file(binding, spec);
    if (values != nullptr) {
      const auto& attention = std::get<LatentAttentionSpec>(spec.blocks.front().mixer);
      const std::vector<int64_t> expected = {attention.heads, attention.value_dim, attention.latent_rank};
      if (values->shape != expected)
        throw Error({.where = where + ": " + values->name,
                     .found = "shape " + shape_text(values->shape),
                     .expected = shape_text(expected) + " by the file's keys"});
      used.insert(values->name);
    }
    if (binding.tensor->shape != shape)
      throw Error({.where = where + ": " + name->name,
                   .found = "shape " + shape_text(binding.tensor->shape),
                   .expected = shape_text(shape) + " by the file's keys"});
    used.insert(binding.tensor->name);
    bindings.emplace(wanted.name, std::move(binding));
  }
  for (const auto& name : names)
    if (!used.contains(name))
      throw Error({.where = where,
                   .found = fmt::format("tensor '{}', for which a model with these keys has no place",
                                        name.substr(0, 80))});
  return bindings;
}

TensorView read_gguf_tensor(const GgufBinding& binding, const ModelSpec& spec, bool interleaved,
                            const std::string& where) {
  const GgufTensor& tensor = *binding.tensor;
  if (const GgufTensor* values = binding.values) {
    TensorView view{
        .name = binding.wanted.name, .dtype = DType::f32, .shape = binding.wanted.shape, .bytes = {}};
    hold(view, join_expansion(dequantize(tensor.type, tensor.bytes, where + ": " + tensor.name),
                              dequantize(values->type, values->bytes, where + ": " + values->name),
                              std::get<LatentAttentionSpec>(spec.blocks.front().mixer)));
    return view;
  }
  const std::span<const std::byte> bytes = slice_of(binding, spec, where);
  const auto plain = plain_dtype(tensor.type);
  TensorView view{.name = binding.wanted.name,
                  .dtype = plain.value_or(DType::f32),
                  .shape = binding.wanted.shape,
                  .bytes = bytes};
  if (!plain) hold(view, dequantize(tensor.type, bytes, where + ": " + tensor.name));
  if (interleaved && binding.name.rotary) {
    const auto head_dim = std::get<AttentionSpec>(spec.blocks.front().mixer).head_dim;
    const size_t row_bytes = view.bytes.size() / static_cast<size_t>(view.shape.front());
    if (row_bytes > 0)
      hold(view, reorder_rotary_rows(view.bytes, row_bytes, head_dim, RowOrder::pairs_to_halves));
  }
  return view;
}

StoredMatrix read_gguf_matrix(const GgufBinding& binding, const ModelSpec& spec, bool interleaved,
                              const MappedFile& file, const std::string& where) {
  const GgufTensor& tensor = *binding.tensor;
  const std::string name = where + ": " + tensor.name;
  const std::vector<int64_t>& shape = binding.wanted.shape;
  COPPICE_CHECK(shape.size() == 2, name);
  if (binding.values != nullptr) {
    const TensorView joined = read_gguf_tensor(binding, spec, interleaved, where);
    return {{name, GgmlType::f32, shape[0], shape[1], joined.bytes}, joined.memory};
  }
  if (const auto plain = plain_dtype(tensor.type)) plain_type(*plain, name);
  const bool paired = interleaved && binding.name.rotary;
  return {{.name = name,
           .type = static_cast<GgmlType>(tensor.type),
           .rows = shape[0],
           .columns = shape[1],
           .bytes = slice_of(binding, spec, where),
           .file = &file,
           .paired = paired ? std::get<AttentionSpec>(spec.blocks.front().mixer).head_dim : 0},
          nullptr};
}

GgufModel::GgufModel(const std::filesystem::path& path)
    : path_(path),
      file_(path),
      spec_(spec_from_gguf(file_.content())),
      interleaved_(gguf_architecture(file_.metadata()).interleaved_rope),
      bindings_(bind_gguf_tensors(file_.content(), spec_)) {}

const GgufBinding& GgufModel::binding(const std::string& canonical_name) const {
  const auto found = bindings_.find(canonical_name);
  COPPICE_CHECK(found != bindings_.end(), "tensor_table has " + canonical_name);
  return found->second;
}

TensorView GgufModel::tensor(const std::string& canonical_name) const {
  return read_gguf_tensor(binding(canonical_name), spec_, interleaved_, path_.string());
}

StoredMatrix GgufModel::matrix(const std::string& canonical_name) const {
  return read_gguf_matrix(binding(canonical_name), spec_, interleaved_, file_.file(), path_.string());
}

TensorForm GgufModel::form(const std::string& canonical_name) const {
  const GgufBinding& found = binding(canonical_name);
  const bool joined = found.values != nullptr;  // two tensors, made one of floats
  return {joined ? GgmlType::f32 : static_cast<GgmlType>(found.tensor->type), found.wanted.shape, joined};
}

std::vector<StoredTensor> GgufModel::stored() const {
  std::vector<StoredTensor> list;
  for (const auto& tensor : file_.tensors())
    list.push_back({tensor.name, find_ggml_type(tensor.type)->name, tensor.shape,
                    static_cast<int64_t>(tensor.bytes.size())});
  return list;
}

int64_t GgufModel::total_bytes() const {
  int64_t total = 0;
  for (const auto& tensor : file_.tensors()) total += static_cast<int64_t>(tensor.bytes.size());
  return total;
}

}  // namespace coppice
