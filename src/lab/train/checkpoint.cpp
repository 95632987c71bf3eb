#include "lab/train/checkpoint.h"

#include <cstring>
#include <set>

namespace coppice::lab {
namespace {

constexpr const char* format_version = "1";

struct Piece {
  std::string name;
  DType dtype;
  torch::Tensor tensor;  // shares memory with the model or the optimizer, where it can
};

DType dtype_of(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat32:
      return DType::f32;
    case torch::kFloat64:
      return DType::f64;
    case torch::kInt32:
      return DType::i32;
    case torch::kInt64:
      return DType::i64;
    case torch::kUInt8:
      return DType::u8;
    default:
      break;
  }
  COPPICE_CHECK(false, "a tensor type that checkpoints do not hold");
}

std::vector<Piece> pieces_of(const LanguageModel& model, const AdamW& optimizer, const torch::Tensor& steps,
                             const torch::Tensor& random) {
  std::vector<Piece> pieces;
  const auto add = [&pieces](const std::string& name, const torch::Tensor& tensor) {
    COPPICE_CHECK(tensor.is_contiguous(), name);
    pieces.push_back({name, dtype_of(tensor), tensor});
  };
  for (const auto& [name, tensor] : state_of(model)) add("weights." + name, tensor);
  for (const auto& slot : optimizer.slots()) {
    add("mean." + slot.name, slot.mean);
    add("square." + slot.name, slot.square);
  }
  add("steps", steps);
  add("random", random);
  return pieces;
}

torch::Tensor random_state() {
  return at::detail::getDefaultCPUGenerator().get_state().contiguous();
}

Json relevant(const TrainingOptions& options) {
  Json json = to_json(options);
  json.erase("eval_every");
  json.erase("save_every");
  return json;
}

void expect_same(const std::filesystem::path& path, const Checkpoint& found, const Checkpoint& expected) {
  const Json there = relevant(found.options), here = relevant(expected.options);
  for (const auto& [key, value] : here.items())
    if (there[key] != value)
      throw Error({.where = path.string(),
                   .found = fmt::format("a run with {} {}", key, to_line(there[key])),
                   .expected = fmt::format("{}, as given now", to_line(value)),
                   .advice = "resume with the same options, or begin anew with --overwrite"},
                  Fault::usage);
  if (found.text != expected.text)
    throw Error({.where = path.string(),
                 .found = "a run on other text",
                 .advice = "resume with the same text and tokenizer"},
                Fault::usage);
}

std::string metadata_of(const SafetensorsFile& file, const std::string& key,
                        const std::filesystem::path& path) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    throw Error({.where = path.string(), .found = fmt::format("no '{}' in its metadata", key)});
  return found->second;
}

int64_t whole_number(const std::string& text, const std::filesystem::path& path) {
  const Json json = parse_json(text, path.string());
  if (!json.is_number_integer() || json < 0)
    throw Error({.where = path.string(), .found = text, .expected = "a count of steps"});
  return json.get<int64_t>();
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint,
                      const LanguageModel& model, const AdamW& optimizer) {
  std::vector<int64_t> counts;
  for (const auto& slot : optimizer.slots()) counts.push_back(slot.steps);
  std::vector<TensorData> tensors;
  const auto pieces = pieces_of(model, optimizer, torch::tensor(counts, torch::kInt64), random_state());
  for (const auto& piece : pieces)
    tensors.push_back(
        {.name = piece.name,
         .dtype = piece.dtype,
         .shape = piece.tensor.sizes().vec(),
         .bytes = {static_cast<const std::byte*>(piece.tensor.data_ptr()), piece.tensor.nbytes()}});
  write_safetensors(path, tensors,
                    {{"checkpoint_version", format_version},
                     {"step", std::to_string(checkpoint.step)},
                     {"text", fmt::format("{:016x}", checkpoint.text)},
                     {"options", to_line(to_json(checkpoint.options))}});
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const Checkpoint& expected,
                           LanguageModel& model, AdamW& optimizer) {
  const torch::NoGradGuard no_gradient;
  const SafetensorsFile file(path);
  if (const std::string version = metadata_of(file, "checkpoint_version", path); version != format_version)
    throw Error(
        {.where = path.string(), .found = "checkpoint version " + version, .expected = format_version});
  Checkpoint checkpoint;
  checkpoint.step = whole_number(metadata_of(file, "step", path), path);
  checkpoint.options = from_json<TrainingOptions>(
      parse_json(metadata_of(file, "options", path), path.string()), path.string());
  const std::string text = metadata_of(file, "text", path);
  checkpoint.text = text == fmt::format("{:016x}", expected.text) ? expected.text : ~expected.text;
  expect_same(path, checkpoint, expected);

  torch::Tensor steps = torch::zeros({static_cast<int64_t>(optimizer.slots().size())}, torch::kInt64),
                random = random_state();
  auto pieces = pieces_of(model, optimizer, steps, random);
  std::map<std::string, const TensorView*> stored;
  for (const auto& tensor : file.tensors()) stored[tensor.name] = &tensor;
  // All is checked before anything is touched.
  for (const auto& piece : pieces) {
    const auto found = stored.find(piece.name);
    if (found == stored.end() || found->second->dtype != piece.dtype ||
        found->second->shape != piece.tensor.sizes().vec())
      throw Error({.where = path.string(),
                   .found = (found == stored.end() ? "no tensor " : "another type or shape of ") + piece.name,
                   .expected = "a checkpoint of this model"});
  }
  if (stored.size() != pieces.size())
    throw Error({.where = path.string(), .found = "tensors of another model"});
  for (auto& piece : pieces)
    if (piece.tensor.nbytes() > 0)
      std::memcpy(piece.tensor.data_ptr(), stored.at(piece.name)->bytes.data(), piece.tensor.nbytes());
  for (size_t i = 0; i < optimizer.slots().size(); ++i)
    optimizer.slots()[i].steps = steps.data_ptr<int64_t>()[i];
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(random);
  return checkpoint;
}

}  // namespace coppice::lab
