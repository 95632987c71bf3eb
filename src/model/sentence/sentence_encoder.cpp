#include "model/sentence/sentence_encoder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "model/gguf/architectures.h"
#include "model/gguf/gguf_model.h"
#include "model/model_files.h"
#include "model/sentence/pooling.h"
#include "model/sentence/texts.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

std::string prompt_of(const SentenceSpec& spec, const SentenceOptions& options) {
  if (options.prompt && options.prompt_name)
    throw Error({.where = "prompt", .found = "a prompt and the name of one", .expected = "one of them"},
                Fault::usage);
  if (options.prompt) return *options.prompt;
  const auto& name = options.prompt_name ? options.prompt_name : spec.default_prompt;
  if (!name) return "";
  const auto found = spec.prompts.find(*name);
  if (found != spec.prompts.end()) return found->second;
  std::string known;
  for (const auto& [other, prompt] : spec.prompts) known += (known.empty() ? "" : ", ") + other;
  throw Error({.where = "prompt",
               .found = fmt::format("no prompt '{}'", *name),
               .expected = known.empty() ? "no name: the directory has no prompts" : "one of: " + known},
              Fault::usage);
}

}  // namespace

struct SentenceEncoder::Dense {
  DenseStage stage;
  std::vector<float> weight, bias;

  explicit Dense(const DenseStage& dense) : stage(dense) {
    const TensorFolder tensors(dense.folder);
    const auto take = [&](const char* name, const std::vector<int64_t>& shape) {
      const std::string where = (dense.folder / "model.safetensors").string() + ": " + name;
      const TensorView* tensor = tensors.find(name);
      if (tensor == nullptr) throw Error({.where = where, .found = "no such tensor"});
      if (tensor->shape != shape)
        throw Error({.where = where,
                     .found = "shape " + shape_text(tensor->shape),
                     .expected = shape_text(shape) + " by config.json"});
      return tensor->to_floats();
    };
    weight = take("linear.weight", {dense.out, dense.in});
    if (dense.bias) bias = take("linear.bias", {dense.out});
    for (const auto& name : tensors.names())
      if (name != "linear.weight" && !(dense.bias && name == "linear.bias"))
        throw Error({.where = dense.folder.string(),
                     .found = fmt::format("tensor '{}'", name),
                     .expected = "linear.weight and linear.bias"});
  }

  std::vector<float> apply(const std::vector<float>& x) const {
    std::vector<float> y;
    for (size_t row = 0; row < static_cast<size_t>(stage.out); ++row) {
      const float* weights = weight.data() + row * x.size();
      const double sum = std::inner_product(x.begin(), x.end(), weights,
                                            bias.empty() ? 0.0 : static_cast<double>(bias[row]));
      y.push_back(static_cast<float>(activate(stage.activation, sum)));
    }
    return y;
  }
};

SentenceEncoder::~SentenceEncoder() = default;

SentenceEncoder::SentenceEncoder(const fs::path& directory, const SentenceOptions& options)
    : batch_(options.batch) {
  auto spec = fs::is_directory(directory) ? read_sentence_spec(directory) : std::nullopt;
  says_pooling_ = spec.has_value();
  spec_ = spec.value_or(SentenceSpec{.model = directory});
  const auto files = open_model(spec_.model);
  decoder_ = std::make_unique<Decoder>(files, options.weights);
  tokenizer_ = load_tokenizer(spec_.model);

  if (const auto* gguf = dynamic_cast<const GgufModel*>(files.get()))
    if (const auto pooling = gguf_pooling(gguf->metadata())) {
      spec_.pooling = {*pooling};
      says_pooling_ = true;
    }
  if (!options.pooling.empty()) spec_.pooling = options.pooling;
  if (spec_.pooling.empty() && is_causal(model()))
    throw Error({.where = directory.string(),
                 .found = "a language model without modules.json",
                 .expected = "a kind of pooling",
                 .advice = "say --pooling last, or mean"},
                Fault::usage);
  if (spec_.pooling.empty() && model().head == HeadKind::classifier)
    throw Error({.where = directory.string(),
                 .found = "a model that classifies texts, without modules.json",
                 .expected = "one that makes vectors of them",
                 .advice = model().labels == 1 ? "coppice search --rerank takes it as a cross-encoder" : ""},
                Fault::usage);
  if (spec_.pooling.empty()) spec_.pooling = {Pooling::mean};
  for (const Pooling pooling : spec_.pooling)
    if (pooling == Pooling::pooler && !model().pooler)
      throw Error({.where = directory.string(), .found = "no pooler", .expected = "another kind of pooling"},
                  Fault::usage);
  if (spec_.pooled_width && *spec_.pooled_width != model().width)
    throw Error({.where = directory.string(),
                 .found = fmt::format("pooling of hidden states of width {}", *spec_.pooled_width),
                 .expected = fmt::format("the model's width {}", model().width)});
  int64_t wide = model().width * static_cast<int64_t>(spec_.pooling.size());
  for (const auto& stage : spec_.stages) {
    const auto* dense = std::get_if<DenseStage>(&stage);
    if (dense == nullptr) continue;
    if (dense->in != wide)
      throw Error({.where = dense->folder.string(),
                   .found = fmt::format("in_features {}", dense->in),
                   .expected = fmt::format("{}, the width of what comes in", wide)});
    dense_.emplace_back(*dense);
    wide = dense->out;
  }
  if (options.normalize && !normalizes()) spec_.stages.emplace_back(NormalizeStage());

  max_tokens_ = spec_.max_tokens.value_or(tokenizer_limit(spec_.model).value_or(model().context));
  if (options.max_tokens) max_tokens_ = *options.max_tokens;
  if (options.max_tokens && *options.max_tokens > model().context)
    throw Error({.where = "texts",
                 .found = fmt::format("up to {} tokens", *options.max_tokens),
                 .expected = fmt::format("at most the model's context of {}", model().context)},
                Fault::usage);
  max_tokens_ = std::min(max_tokens_, model().context);
  prompt_ = prompt_of(spec_, options);
  if (prompt_.empty() || spec_.include_prompt) return;
  // An end token behind the prompt alone is not there when a text follows.
  const auto ids = tokenizer_->encode(stripped(prompt_, spec_.lower_case));
  prompt_tokens_ = static_cast<int64_t>(ids.size());
  if (!ids.empty() && tokenizer_->is_special(ids.back())) --prompt_tokens_;
}

const ModelSpec& SentenceEncoder::model() const {
  return decoder_->spec();
}

int64_t SentenceEncoder::width() const {
  return dense_.empty() ? model().width * static_cast<int64_t>(spec_.pooling.size())
                        : dense_.back().stage.out;
}

bool SentenceEncoder::normalizes() const {
  return !spec_.stages.empty() && std::holds_alternative<NormalizeStage>(spec_.stages.back());
}

std::vector<TokenId> SentenceEncoder::tokenize(const std::string& text, bool* cut) const {
  const std::string prepared = stripped(prompt_ + text, spec_.lower_case);
  auto ids = tokenizer_->encode(prepared);
  if (static_cast<int64_t>(ids.size()) <= max_tokens_) return ids;
  if (cut != nullptr) *cut = true;
  EncodeOptions options;
  options.truncation = Truncation{.max_length = max_tokens_};
  return tokenizer_->encode_full(prepared, std::nullopt, options).ids;
}

// One text's hidden states, pooled and passed through the stages.
std::vector<float> SentenceEncoder::vector_of(std::span<const float> states) const {
  std::vector<float> x;
  const auto wide = static_cast<size_t>(model().width);
  for (const Pooling pooling : spec_.pooling) {
    std::vector<float> part(wide);
    if (pooling != Pooling::pooler)
      part = pool_tokens(pooling, states, model().width, prompt_tokens_);
    else if (!states.empty())
      part = decoder_->pool(states.first(wide));
    x.insert(x.end(), part.begin(), part.end());
  }
  size_t dense = 0;
  for (const auto& stage : spec_.stages) {
    if (std::holds_alternative<DenseStage>(stage))
      x = dense_[dense++].apply(x);
    else
      normalize(x);
  }
  if (!std::ranges::all_of(x, [](float value) { return std::isfinite(value); }))
    throw Error({.where = "vector of a text",
                 .found = "not a number",
                 .advice = "the weights are damaged or do not fit the configuration"});
  return x;
}

std::vector<float> SentenceEncoder::encode(std::span<const std::string> texts,
                                           const std::function<void(int64_t texts)>& done) {
  const auto count = static_cast<int64_t>(texts.size());
  std::vector<std::vector<TokenId>> ids(texts.size());
  std::atomic<int64_t> cuts = 0;
  parallel_for(count, 16, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      bool cut = false;
      ids[i] = tokenize(texts[i], &cut);
      cuts += cut ? 1 : 0;
    }
  });
  truncated_ += cuts;
  std::vector<size_t> tokens;
  for (const auto& text : ids) tokens.push_back(text.size());

  const auto wide = static_cast<size_t>(model().width), out = static_cast<size_t>(width());
  std::vector<float> vectors(texts.size() * out);
  for (const auto& pass : passes_of(tokens, batch_)) {
    std::vector<Decoder::Input> inputs;
    std::vector<size_t> offsets = {0};
    for (const size_t i : pass) {
      inputs.push_back({.tokens = ids[i]});
      offsets.push_back(offsets.back() + tokens[i]);
    }
    const auto states = decoder_->hidden_states(inputs);
    parallel_for(static_cast<int64_t>(pass.size()), 4, [&](int64_t begin, int64_t end) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
        const auto own = std::span(states).subspan(offsets[i] * wide, (offsets[i + 1] - offsets[i]) * wide);
        std::ranges::copy(vector_of(own), vectors.begin() + static_cast<std::ptrdiff_t>(pass[i] * out));
      }
    });
    tokens_ += static_cast<int64_t>(offsets.back());
    if (done) done(static_cast<int64_t>(pass.size()));
  }
  return vectors;
}

}  // namespace coppice
