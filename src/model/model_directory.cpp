#include "model/model_directory.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/hub_name.h"
#include "base/nearest.h"
#include "model/arch/families.h"
#include "model/block_scales.h"
#include "model/tensor_layout.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

// The path, if it is a directory with a config.json.
fs::path checked_directory(const fs::path& path) {
  const std::string where = path.string();
  constexpr const char* expected = "a model directory (config.json, *.safetensors)";
  if (!fs::exists(path))
    throw Error(
        {.where = where, .found = "no such directory", .expected = expected, .advice = pull_hint(path)});
  if (!fs::is_directory(path)) throw Error({.where = where, .found = "a file", .expected = expected});
  if (!fs::exists(path / "config.json"))
    throw Error({.where = where,
                 .found = "no config.json",
                 .expected = expected,
                 .advice = fs::exists(path / "modules.json")
                               ? "its modules.json says in which folder the model is: name that one"
                               : ""});
  return path;
}

constexpr const char* head_name = "lm_head.weight";

// Buffers that old exporters stored beside the weights; they follow from config.json.
bool is_derived_buffer(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

// config.json without what says how numbers are stored.
Json without_storage(Json config) {
  if (config.is_object()) config.erase("quantization_config");
  return config;
}

void check_scales(const TensorView& tensor, const TensorView* scales, const BlockScales& blocks,
                  const std::string& where) {
  if (tensor.shape.size() != 2)
    throw Error({.where = where, .found = "FP8 numbers in no matrix", .expected = "F32, BF16, F16 or F64"});
  const auto expected = blocks.shape_for(tensor.shape);
  if (scales == nullptr)
    throw Error(
        {.where = where, .found = "FP8 numbers without scales", .expected = scales_name(tensor.name)});
  if (scales->shape != expected || !is_floating(scales->dtype))
    throw Error({.where = where + "_scale_inv",
                 .found = fmt::format("{} of shape {}", dtype_name(scales->dtype), shape_text(scales->shape)),
                 .expected = "numbers of shape " + shape_text(expected) + " by weight_block_size"});
}

void check_type(const TensorView& tensor, const TensorSpec& wanted, const std::string& where) {
  if (tensor.shape != wanted.shape)
    throw Error({.where = where,
                 .found = "shape " + shape_text(tensor.shape),
                 .expected = shape_text(wanted.shape) + " by config.json"});
  if (wanted.integer ? tensor.dtype != DType::i32 : !is_floating(tensor.dtype))
    throw Error({.where = where,
                 .found = "dtype " + dtype_name(tensor.dtype),
                 .expected = wanted.integer ? "I32" : "F32, BF16, F16 or F64"});
}

void check_neurons(const TensorView& tensor, int64_t dense_width, const std::string& where) {
  int64_t previous = -1;
  for (const int32_t neuron : tensor.to_integers()) {
    if (neuron <= previous)
      throw Error({.where = where,
                   .found = fmt::format("neuron {} after {}", neuron, previous),
                   .expected = "neurons in ascending order, from 0"});
    if (neuron >= dense_width)
      throw Error({.where = where,
                   .found = fmt::format("neuron {}", neuron),
                   .expected = fmt::format("below the dense width {}", dense_width)});
    previous = neuron;
  }
}

std::string and_others(size_t count) {
  return count == 0 ? "" : fmt::format(" (and {} more)", count);
}

// The dtype that all floating-point tensors share, as config.json names it; or empty.
std::string common_dtype(std::span<const TensorData> tensors) {
  std::string name;
  for (const auto& tensor : tensors) {
    if (!is_floating(tensor.dtype)) continue;
    const std::string own = tensor.dtype == DType::f32    ? "float32"
                            : tensor.dtype == DType::bf16 ? "bfloat16"
                            : tensor.dtype == DType::f16  ? "float16"
                                                          : "float64";
    if (!name.empty() && name != own) return "";
    name = own;
  }
  return name;
}

bool rows_lie_together(const TensorLayout& layout) {
  return !layout.transposed && layout.parts == 1;
}

}  // namespace

// Tensors that the files hold in another form.
struct ModelDirectory::Rearranged {
  struct Source {
    std::string file_name;
    TensorSpec tensor;
    TensorLayout layout;
    const TensorView* scales = nullptr;  // of FP8 numbers
  };
  std::optional<BlockScales> blocks;
  std::map<std::string, Source> sources;
};

ModelDirectory::~ModelDirectory() = default;
ModelDirectory::ModelDirectory(ModelDirectory&&) noexcept = default;

ModelDirectory::ModelDirectory(const fs::path& path)
    : path_(checked_directory(path)),
      config_(read_json_file(path_ / "config.json", perhaps_incomplete)),
      spec_(spec_from_config(without_storage(config_), (path_ / "config.json").string())),
      tensors_(path_),
      rearranged_(std::make_unique<Rearranged>()) {
  rearranged_->blocks = read_block_scales(config_, (path_ / "config.json").string());
  bind_tensors();
  check_neuron_lists();
}

// How the files hold experts, told by the tensors that are there: those of experts alone, or packed.
ExpertTensors ModelDirectory::find_expert_tensors(const std::vector<TensorSpec>& table) const {
  const Family& family = families().get(spec_.family);
  if (!family.packed_file_name) return ExpertTensors::separate;
  std::string separate, packed;
  for (const auto& tensor : table) {
    const TensorPlace place = place_of(family, ExpertTensors::packed, tensor, spec_);
    if (place.layout.experts == 0) continue;
    const std::string alone = family.file_name(tensor.name);
    if (separate.empty() && tensors_.find(alone) != nullptr) separate = alone;
    if (packed.empty() && tensors_.find(place.file_name) != nullptr) packed = place.file_name;
    if (!separate.empty() && !packed.empty())
      throw Error({.where = path_.string(),
                   .found = fmt::format("tensor '{}' beside '{}'", packed, separate),
                   .expected = "one tensor for each matrix of each expert, or packed ones, not both"});
  }
  return packed.empty() ? ExpertTensors::separate : ExpertTensors::packed;
}

void ModelDirectory::bind_tensors() {
  const Family& family = families().get(spec_.family);
  const auto names = tensors_.names();
  // The files' names by the usual ones, which win over those that repeat them.
  std::map<std::string, std::string> by_usual_name;
  for (const auto& name : names) {
    const std::string usual = family.usual_name ? family.usual_name(name) : name;
    if (usual == name)
      by_usual_name[usual] = name;
    else
      by_usual_name.try_emplace(usual, name);
  }
  const auto find = [&](const std::string& usual) {
    const auto found = by_usual_name.find(usual);
    return found == by_usual_name.end() ? nullptr : tensors_.find(found->second);
  };
  const std::string& prefix = family.optional_prefix;
  const bool bare = !prefix.empty() && std::ranges::none_of(names, [&](const std::string& name) {
    return name.starts_with(prefix);
  });
  const auto without_prefix = [&](const std::string& name) {
    return bare && name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  };
  const auto file_name = [&](const std::string& canonical) {
    return without_prefix(file_name_of(family, canonical, spec_));
  };
  const HasTensor has = [&](const std::string& name) { return find(file_name(name)) != nullptr; };
  if (family.complete) family.complete(spec_, config_, has, (path_ / "config.json").string());
  if (bare && spec_.head == HeadKind::linear && !spec_.tied_embeddings && !has(head_name))
    spec_.head = HeadKind::none;
  validate(spec_, path_.string());
  const auto table = tensor_table(spec_);
  const ExpertTensors experts = find_expert_tensors(table);
  std::set<std::string> scales;              // of tensors that are wanted
  std::map<std::string, TensorSpec> wanted;  // by the usual name in the files, in the shape there
  for (const auto& tensor : table) {
    const TensorPlace place = place_of(family, experts, tensor, spec_);
    const TensorLayout& layout = place.layout;
    const std::string name = without_prefix(place.file_name);
    wanted.emplace(name, TensorSpec{tensor.name, stored_shape(tensor, layout), tensor.integer});
    const TensorView* stored = find(name);
    if (stored == nullptr) continue;
    const bool scaled = rearranged_->blocks && stored->dtype == DType::f8_e4m3;
    if (layout.as_is() && !scaled) continue;
    auto& source = rearranged_->sources[tensor.name];
    source = {by_usual_name.at(name), tensor, layout};
    if (!scaled) continue;
    source.scales = find(scales_name(name));
    check_scales(*stored, source.scales, *rearranged_->blocks, path_.string() + ": " + source.file_name);
    scales.insert(scales_name(name));
  }
  // A tied model may carry its head too, which is then the embedding once more.
  const std::string head = file_name(head_name);
  const bool spare_head = spec_.tied_embeddings && find(head) != nullptr;
  if (spare_head) wanted.emplace(head, TensorSpec{head_name, {spec_.vocabulary, spec_.width}});

  std::vector<std::string> missing, unread;
  for (const auto& [name, tensor] : wanted)
    if (find(name) == nullptr) missing.push_back(name);
  for (const auto& name : names) {
    const std::string usual = family.usual_name ? family.usual_name(name) : name;
    if (scales.contains(name) || (wanted.contains(usual) && by_usual_name.at(usual) == name)) continue;
    const bool repeated = wanted.contains(usual), buffer = family.is_buffer && family.is_buffer(name, spec_);
    (repeated || buffer || is_derived_buffer(name) ? passed_over_ : unread).push_back(name);
  }
  const auto did_you_mean = [](const std::string& name, const std::vector<std::string>& known) {
    const std::string nearest = nearest_name(name, known);
    return nearest.empty() ? nearest : fmt::format("the nearest is '{}'", nearest);
  };
  if (!missing.empty())
    throw Error({.where = path_.string(),
                 .found = fmt::format("no tensor '{}'{}", missing[0], and_others(missing.size() - 1)),
                 .expected = shape_text(wanted.at(missing[0]).shape) + " by config.json",
                 .advice = missing[0] == head
                               ? "set tie_word_embeddings to true if the embedding is meant to be the head"
                               : did_you_mean(missing[0], unread)});
  if (!unread.empty())
    throw Error(
        {.where = path_.string(),
         .found = fmt::format("tensor '{}'{}, for which a {} model with this config.json has no place",
                              unread[0], and_others(unread.size() - 1), spec_.family)});
  for (const auto& [name, tensor] : wanted) {
    if (!scales.contains(scales_name(name)) || find(name)->shape != tensor.shape)
      check_type(*find(name), tensor, path_.string() + ": " + by_usual_name.at(name));
    if (spare_head && tensor.name == head_name)
      passed_over_.push_back(name);
    else
      by_canonical_name_[tensor.name] = find(name);
  }
  if (spare_head) check_spare_head(*find(head));
}

// Readers differ in whether they would use another head, so it must not be another.
void ModelDirectory::check_spare_head(const TensorView& head) const {
  const TensorView embedding = tensor("model.embed_tokens.weight");
  if (head.dtype == embedding.dtype && std::ranges::equal(head.bytes, embedding.bytes)) return;
  throw Error({.where = path_.string() + ": " + head.name,
               .found = "an output head that is not the embedding",
               .expected = "none, or an equal one, because config.json ties them",
               .advice = "set tie_word_embeddings to false if this head is meant, else remove it"});
}

void ModelDirectory::check_neuron_lists() const {
  for (const auto& [prefix, block] : all_blocks(spec_)) {
    const MoeSpec* moe = moe_of(*block);
    if (moe == nullptr || moe->storage != ExpertStorage::indexed) continue;
    for (int64_t e = 0; e < moe->experts(); ++e) {
      const std::string name = fmt::format("{}mlp.expert_neurons.{}", prefix, e);
      check_neurons(tensor(name), moe->dense_width, path_.string() + ": " + name);
    }
  }
}

TensorView ModelDirectory::tensor(const std::string& canonical_name) const {
  if (rearranged_->sources.contains(canonical_name)) return rearranged(canonical_name);
  const auto found = by_canonical_name_.find(canonical_name);
  COPPICE_CHECK(found != by_canonical_name_.end(), "tensor_table has " + canonical_name);
  return *found->second;
}

TensorForm ModelDirectory::form(const std::string& canonical_name) const {
  const auto source = rearranged_->sources.find(canonical_name);
  if (source == rearranged_->sources.end()) {
    const TensorView view = tensor(canonical_name);
    return {plain_type(view.dtype, canonical_name), view.shape};
  }
  const auto& [file_name, tensor, layout, scales] = source->second;
  return {scales != nullptr ? GgmlType::f32 : plain_type(tensors_.find(file_name)->dtype, canonical_name),
          tensor.shape, scales != nullptr || !rows_lie_together(layout)};
}

std::vector<StoredTensor> ModelDirectory::stored() const {
  std::vector<StoredTensor> list;
  for (const auto& wanted : tensor_table(spec_)) {
    const auto source = rearranged_->sources.find(wanted.name);
    if (source == rearranged_->sources.end() || source->second.scales != nullptr) {
      const TensorView view = source == rearranged_->sources.end() ? tensor(wanted.name)
                                                                   : *tensors_.find(source->second.file_name);
      list.push_back(
          {view.name, dtype_name(view.dtype), view.shape, static_cast<int64_t>(view.bytes.size())});
      continue;
    }
    const DType dtype = tensors_.find(source->second.file_name)->dtype;
    list.push_back({source->second.file_name, dtype_name(dtype), wanted.shape,
                    wanted.count() * static_cast<int64_t>(byte_size(dtype))});
  }
  return list;
}

TensorView ModelDirectory::rearranged(const std::string& canonical_name) const {
  const auto& [file_name, tensor, layout, scales] = rearranged_->sources.at(canonical_name);
  TensorView stored = *tensors_.find(file_name);
  if (scales != nullptr) {
    auto floats = std::make_shared<const std::vector<float>>(
        scaled_floats(stored, *scales, *rearranged_->blocks, path_.string() + ": " + file_name));
    stored.dtype = DType::f32;
    stored.bytes = std::as_bytes(std::span(*floats));
    stored.memory = std::move(floats);
  }
  if (rows_lie_together(layout)) {  // nothing is copied
    const size_t size = static_cast<size_t>(tensor.count()) * byte_size(stored.dtype);
    const size_t row = size / static_cast<size_t>(std::max<int64_t>(1, tensor.shape[0]));
    return {file_name, stored.dtype, tensor.shape,
            stored.bytes.subspan(static_cast<size_t>(layout.first_row) * row, size), stored.memory};
  }
  auto bytes = std::make_shared<const std::vector<std::byte>>(
      take_out(tensor, layout, stored.bytes, byte_size(stored.dtype)));
  return {file_name, stored.dtype, tensor.shape, *bytes, bytes};
}

void copy_companion_files(const fs::path& from, const fs::path& to) {
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "spiece.model", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "generation_config.json", "chat_template.jinja",
        "chat_template.json", "vocab.json", "merges.txt", "vocab.txt", "sentencepiece.bpe.model"})
    if (fs::exists(from / name)) write_file(to / name, read_file(from / name));
}

void check_expert_tensors(const ModelSpec& spec, ExpertTensors experts) {
  const std::string name = writable_family(spec);
  if (experts == ExpertTensors::separate || families().get(name).packed_file_name) return;
  std::string known;
  for (const auto& [other, family] : families())
    if (family.packed_file_name) known += (known.empty() ? "" : ", ") + other;
  throw Error({.where = "packed experts",
               .found = fmt::format("a model that is written as '{}'", name),
               .expected = "one of: " + known,
               .advice = "write its tensors separately"},
              Fault::usage);
}

void write_model(const fs::path& directory, const ModelSpec& spec, std::span<const TensorData> tensors,
                 const WriteOptions& options) {
  validate(spec, directory.string());
  check_expert_tensors(spec, options.expert_tensors);
  const std::string name = writable_family(spec);
  const Family& family = families().get(name);
  std::map<std::string_view, const TensorData*> given;
  for (const auto& tensor : tensors)
    COPPICE_CHECK(given.emplace(tensor.name, &tensor).second, "tensor names are unique: " + tensor.name);
  std::vector<TensorData> ordered;
  std::map<std::string, std::vector<std::byte>> rebuilt;  // by file name: what lies there in another form
  size_t placed = 0;
  for (const auto& wanted : tensor_table(spec)) {
    const auto found = given.find(wanted.name);
    COPPICE_CHECK(found != given.end(), "the model has a tensor " + wanted.name);
    const TensorData& tensor = *found->second;
    COPPICE_CHECK(tensor.shape == wanted.shape, "shape of " + wanted.name);
    COPPICE_CHECK(wanted.integer ? tensor.dtype == DType::i32 : is_floating(tensor.dtype),
                  "dtype of " + wanted.name);
    ++placed;
    const auto [file_name, layout] = place_of(family, options.expert_tensors, wanted, spec);
    if (layout.as_is()) {
      ordered.push_back({file_name, tensor.dtype, tensor.shape, tensor.bytes});
      continue;
    }
    const size_t element = byte_size(tensor.dtype);
    const TensorSpec stored{file_name, stored_shape(wanted, layout)};
    auto [place, is_new] = rebuilt.try_emplace(file_name, static_cast<size_t>(stored.count()) * element);
    if (is_new) ordered.push_back({file_name, tensor.dtype, stored.shape, place->second});
    COPPICE_CHECK(place->second.size() == static_cast<size_t>(stored.count()) * element,
                  "one dtype in " + file_name);
    put_in(wanted, layout, tensor.bytes, place->second, element);
  }
  COPPICE_CHECK(placed == tensors.size(), "no tensor but those of tensor_table");
  write_tensor_folder(directory, ordered, options.shard_bytes);
  Json config = family.write(spec);
  if (const std::string dtype = common_dtype(tensors); !dtype.empty()) config["torch_dtype"] = dtype;
  write_file(directory / "config.json", to_text(config));
}

void write_model(const fs::path& directory, const ModelFiles& model, const WriteOptions& options) {
  std::vector<TensorView> views;
  std::vector<TensorData> tensors;
  for (const auto& tensor : tensor_table(model.spec())) {
    const TensorView& view = views.emplace_back(model.tensor(tensor.name));
    tensors.push_back({tensor.name, view.dtype, view.shape, view.bytes});
  }
  write_model(directory, model.spec(), tensors, options);
}

}  // namespace coppice
