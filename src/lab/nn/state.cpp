// Weights of a LanguageModel: to and from model directories, by canonical name.

#include <cstring>

#include "lab/nn/language_model.h"

namespace coppice::lab {
namespace {

torch::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return torch::kFloat64;
    case DType::f32:
      return torch::kFloat32;
    case DType::f16:
      return torch::kFloat16;
    case DType::bf16:
      return torch::kBFloat16;
    default:
      break;
  }
  throw Error({.where = "dtype", .found = dtype_name(dtype), .expected = "a floating-point type for weights"},
              Fault::usage);
}

torch::Tensor to_tensor(const TensorView& view, bool integer) {
  if (!integer) return torch::tensor(view.to_floats(), torch::kFloat32).view(view.shape);
  if (view.dtype != DType::i32)
    throw Error({.where = view.name, .found = dtype_name(view.dtype), .expected = "I32"});
  const torch::Tensor list = torch::empty(view.shape, torch::kInt32);
  if (!view.bytes.empty()) std::memcpy(list.data_ptr(), view.bytes.data(), view.bytes.size());
  return list;
}

// Lists of neurons must ascend within their bank, or every later step would read outside it.
void check_neurons(const ModelSpec& spec, const StateDict& state) {
  for (const auto& [prefix, block] : all_blocks(spec)) {
    const MoeSpec* moe = moe_of(*block);
    if (moe == nullptr || moe->storage != ExpertStorage::indexed) continue;
    for (int64_t e = 0; e < moe->experts(); ++e) {
      const std::string name = fmt::format("{}mlp.expert_neurons.{}", prefix, e);
      const torch::Tensor list = state.at(name).to(torch::kInt32).contiguous();
      int64_t last = -1;
      for (int64_t j = 0; j < list.numel(); ++j) {
        const int64_t neuron = list.data_ptr<int32_t>()[j];
        if (neuron <= last || neuron >= moe->dense_width)
          throw Error({.where = name,
                       .found = fmt::format("neuron {} after {}", neuron, last),
                       .expected = fmt::format("ascending indices below {}", moe->dense_width)});
        last = neuron;
      }
    }
  }
}

void check_names(const std::vector<TensorSpec>& table, const StateDict& state) {
  std::vector<std::string> known;
  for (const auto& tensor : table) {
    known.push_back(tensor.name);
    const auto found = state.find(tensor.name);
    if (found == state.end())
      throw Error({.where = tensor.name, .found = "no such tensor among the weights"});
    if (found->second.sizes() != torch::IntArrayRef(tensor.shape))
      throw Error({.where = tensor.name,
                   .found = fmt::format("shape [{}]", fmt::join(found->second.sizes().vec(), ", ")),
                   .expected = fmt::format("[{}]", fmt::join(tensor.shape, ", "))});
  }
  if (state.size() == table.size()) return;
  for (const auto& [name, tensor] : state)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(
          {.where = name, .found = "a tensor that the model does not have", .advice = suggest(name, known)});
}

}  // namespace

StateDict read_state(const ModelDirectory& directory) {
  StateDict state;
  for (const auto& tensor : tensor_table(directory.spec()))
    state[tensor.name] = to_tensor(directory.tensor(tensor.name), tensor.integer);
  check_neurons(directory.spec(), state);
  return state;
}

StateDict state_of(const LanguageModel& model) {
  StateDict state;
  for (const auto& entry : model.named_parameters()) state[entry.key()] = entry.value().detach();
  for (const auto& entry : model.named_buffers()) state[entry.key()] = entry.value().detach();
  return state;
}

std::shared_ptr<LanguageModel> make_model(const ModelSpec& spec, const StateDict& state) {
  check_names(tensor_table(spec), state);
  check_neurons(spec, state);
  auto model = std::make_shared<LanguageModel>(spec);
  const torch::NoGradGuard no_gradient;
  for (auto& [name, tensor] : state_of(*model)) tensor.copy_(state.at(name));
  return model;
}

std::shared_ptr<LanguageModel> load_model(const ModelDirectory& directory) {
  return make_model(directory.spec(), read_state(directory));
}

void save_model(const std::filesystem::path& directory, const ModelSpec& spec, const StateDict& state,
                DType dtype, const WriteOptions& options) {
  const auto table = tensor_table(spec);
  check_names(table, state);
  check_neurons(spec, state);
  std::vector<torch::Tensor> kept;  // holds the converted bytes
  std::vector<TensorData> tensors;
  for (const auto& tensor : table) {
    const auto type = tensor.integer ? torch::kInt32 : scalar_type(dtype);
    kept.push_back(state.at(tensor.name).to(torch::kCPU, type).contiguous());
    tensors.push_back(
        {.name = tensor.name,
         .dtype = tensor.integer ? DType::i32 : dtype,
         .shape = tensor.shape,
         .bytes = {static_cast<const std::byte*>(kept.back().data_ptr()), kept.back().nbytes()}});
  }
  write_model(directory, spec, tensors, options);
}

}  // namespace coppice::lab
