#include <cmath>

#include "base/table.h"
#include "cli/parity_options.h"
#include "lab/nn/language_model.h"
#include "model/cross_attention.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

Trace runtime_trace(const std::shared_ptr<const ModelDirectory>& directory, const std::vector<TokenId>& ids) {
  Trace trace;
  // As floats: products that round activations, as those of BF16 may, would hide what parity is to show.
  Decoder decoder(directory, WeightType::f32);
  const auto cache = is_causal(decoder.spec()) ? decoder.new_cache() : nullptr;
  Decoder::Input input = {.tokens = ids, .cache = cache.get(), .all_logits = true};
  std::shared_ptr<const EncodedSource> source;  // an encoder-decoder is to answer a text with itself
  if (decoder.spec().encoder) source = decoder.encode({&input.tokens, 1}, collect_into(trace)).front();
  input.source = source.get();
  if (decoder.spec().head == HeadKind::none)
    decoder.hidden_states(std::span(&input, 1), collect_into(trace));
  else
    decoder.forward(std::span(&input, 1), collect_into(trace));
  return trace;
}

Trace lab_trace(const ModelDirectory& directory, const std::vector<TokenId>& ids) {
  Trace trace;
  const torch::NoGradGuard no_gradients;
  const auto model = lab::load_model(directory);
  const auto tokens = torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())).unsqueeze(0);
  lab::Source source;
  if (model->spec().encoder) source = model->encode(tokens, {}, collect_into(trace));
  model->forward(tokens, collect_into(trace), {}, source);
  return trace;
}

// Largest absolute difference; infinite if the shapes differ or a value is not a number.
double difference(const Activation32& a, const Activation32& b) {
  if (a.shape != b.shape) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const double gap = std::fabs(static_cast<double>(a.values[i]) - static_cast<double>(b.values[i]));
    if (!(gap <= largest)) largest = std::isnan(gap) ? INFINITY : gap;
  }
  return largest;
}

double magnitude(const Activation32& a) {
  double sum = 0;
  for (const float value : a.values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(1, a.values.size())));
}

// "layers.10.ffn" sorts after "layers.9.ffn": in the order in which the forward pass makes them.
std::pair<int, int> place(const std::string& name) {
  static const std::vector<std::string> within = {"mixer_norm", "mixer",         "cross_norm", "cross",
                                                  "ffn_norm",   "router.logits", "ffn",        "output"};
  if (const std::string encoder = "encoder."; name.starts_with(encoder)) {
    const auto [layer, part] = place(name.substr(encoder.size()));
    return {layer - (1 << 30) - 1, part};
  }
  if (name == "embedding") return {-1, 0};
  if (name == "norm") return {1 << 30, 0};
  if (name == "head") return {1 << 30, 1};
  if (name == "logits") return {1 << 30, 2};
  const size_t dot = name.find('.', 7);
  const auto found = std::find(within.begin(), within.end(), name.substr(dot + 1));
  return {std::stoi(name.substr(7, dot - 7)), static_cast<int>(found - within.begin())};
}

}  // namespace

int run_parity(const ParityOptions& options) {
  const auto directory = std::make_shared<const ModelDirectory>(options.model);
  const auto ids = load_tokenizer(options.model)->encode(options.prompt);
  if (ids.empty())
    throw Error({.where = "prompt", .found = "no tokens", .expected = "some text"}, Fault::usage);
  const Trace runtime = runtime_trace(directory, ids), lab = lab_trace(*directory, ids);
  if (!options.trace.empty()) {
    std::filesystem::create_directories(options.trace);
    write_trace(options.trace / "runtime.safetensors", runtime);
    write_trace(options.trace / "lab.safetensors", lab);
  }

  std::vector<std::string> names;
  for (const auto& [name, activation] : runtime) {
    COPPICE_CHECK(lab.contains(name), name);
    names.push_back(name);
  }
  COPPICE_CHECK(lab.size() == runtime.size(), "both halves trace the same activations");
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return place(a) < place(b); });

  Table table({"activation", "largest difference", "root mean square"});
  Json activations = Json::object();
  double worst = 0;
  std::string first_beyond;
  for (const auto& name : names) {
    const double gap = difference(runtime.at(name), lab.at(name));
    worst = std::max(worst, gap);
    if (first_beyond.empty() && gap > options.tolerance) first_beyond = name;
    activations[name] = gap;
    table.add_row({name, fmt::format("{:.2e}", gap), fmt::format("{:.3g}", magnitude(runtime.at(name)))});
  }
  const std::string verdict =
      first_beyond.empty()
          ? fmt::format("The halves agree: at most {:.2e} apart over {} tokens.\n", worst, ids.size())
          : fmt::format("The halves part at {}: more than {:g} apart.\n", first_beyond, options.tolerance);
  print_result(options.common,
               {{"tokens", ids.size()},
                {"largest", worst},
                {"tolerance", options.tolerance},
                {"held", first_beyond.empty()},
                {"activations", activations}},
               table.text() + verdict);
  return first_beyond.empty() ? 0 : 1;
}

}  // namespace coppice
