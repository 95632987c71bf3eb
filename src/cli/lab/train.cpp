#include <csignal>

#include "base/file.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "cli/train_options.h"
#include "lab/data/document_words.h"
#include "lab/route/word_routing.h"
#include "lab/train/trainer.h"
#include "model/arch/families.h"
#include "model/decoder.h"

namespace coppice {
namespace {

using lab::LanguageModel;

// Set by the first SIGINT or SIGTERM; a second one ends the process as usual.
volatile std::sig_atomic_t interrupted = 0;

void interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

std::filesystem::path tokenizer_folder(const TrainOptions& options) {
  const auto& folder = options.tokenizer.empty() ? options.model : options.tokenizer;
  if (folder.empty())
    throw Error({.where = "--tokenizer",
                 .found = "none",
                 .expected = "a directory with a tokenizer, or a --model that has one"},
                Fault::usage);
  return folder;
}

void set_special_tokens(ModelSpec& spec, const Tokenizer& tokenizer) {
  const lab::DocumentTokens special = lab::document_tokens(tokenizer);
  spec.bos_id = special.begin ? std::optional<int64_t>(*special.begin) : std::nullopt;
  spec.eos_ids.clear();
  if (special.end) spec.eos_ids = {*special.end};
}

// The architecture of a config.json of any family.
ModelSpec spec_of_file(const ArchOptions& arch, const Tokenizer& tokenizer) {
  if (to_json(arch) != to_json(ArchOptions{.file = arch.file}))
    throw Error(
        {.where = "--arch-file", .found = "together with other --arch options", .expected = "one of them"},
        Fault::usage);
  ModelSpec spec = spec_from_config(read_json_file(arch.file), arch.file.string());
  spec.vocabulary = tokenizer.vocabulary();
  set_special_tokens(spec, tokenizer);
  validate(spec, arch.file.string());
  return spec;
}

ModelSpec new_spec(const ArchOptions& arch, const Tokenizer& tokenizer) {
  if (!arch.file.empty()) return spec_of_file(arch, tokenizer);
  constexpr int64_t step = 32;
  const int64_t kv_heads = arch.kv_heads > 0 ? arch.kv_heads : arch.heads;
  const int64_t ffn = arch.ffn > 0 ? arch.ffn : (arch.width * 8 / 3 + step - 1) / step * step;
  if (arch.width % arch.heads != 0)
    throw Error({.where = "--arch-heads",
                 .found = fmt::format("{} heads on a width of {}", arch.heads, arch.width),
                 .expected = "a divisor"},
                Fault::usage);
  ModelSpec spec{.family = "llama",
                 .vocabulary = tokenizer.vocabulary(),
                 .width = arch.width,
                 .context = arch.context,
                 .tied_embeddings = arch.tied};
  set_special_tokens(spec, tokenizer);
  const AttentionSpec attention{
      .heads = arch.heads, .kv_heads = kv_heads, .head_dim = arch.width / arch.heads};
  spec.blocks.assign(static_cast<size_t>(arch.layers), {attention, DenseFfnSpec{.width = ffn}});
  return spec;
}

// The routing vocabulary of a new model is made of the text that it is trained on.
std::shared_ptr<LanguageModel> new_model(const TrainOptions& options, const Tokenizer& tokenizer) {
  ModelSpec spec = new_spec(options.arch, tokenizer);
  if (!spec.routing_vocabulary) return std::make_shared<LanguageModel>(spec);
  const auto table = lab::fit_word_routers(
      spec, lab::words_of_files(options.text, options.documents, tokenizer),
      {.entries = spec.routing_vocabulary->entries, .longest = spec.routing_vocabulary->longest});
  auto model = std::make_shared<LanguageModel>(spec);
  model->set_routing_vocabulary(table);
  return model;
}

std::shared_ptr<LanguageModel> starting_model(const TrainOptions& options, const Tokenizer& tokenizer) {
  if (options.model.empty()) return new_model(options, tokenizer);
  if (to_json(options.arch) != to_json(ArchOptions{}))
    throw Error({.where = "--model", .found = "together with --arch options", .expected = "one of them"},
                Fault::usage);
  const ModelDirectory directory(options.model);
  require_next_token_model(directory.spec(), options.model.string());
  return lab::load_model(directory);
}

DType stored_dtype(TrainDtype dtype) {
  switch (dtype) {
    case TrainDtype::bf16:
      return DType::bf16;
    case TrainDtype::f16:
      return DType::f16;
    case TrainDtype::f32:
      break;
  }
  return DType::f32;
}

std::vector<Window> held_out_windows(const std::filesystem::path& file, const Tokenizer& tokenizer,
                                     int64_t context) {
  if (file.empty()) return {};
  const auto ids = tokenizer.encode(read_file(file), /*add_special=*/false);
  if (ids.empty())
    throw Error({.where = file.string(), .found = "no text", .expected = "text to evaluate on"});
  return cut_windows(ids, context, 0, tokenizer.leading_token());
}

// The folder of checkpoints beside the output, which the run removes when it ends.
class CheckpointFolder {
 public:
  explicit CheckpointFolder(const TrainOptions& options) : path_(options.output.string() + ".checkpoint") {
    const bool there = std::filesystem::exists(lab::checkpoint_file(path_));
    if (options.resume && !there)
      throw Error(
          {.where = path_.string(), .found = "no checkpoint", .advice = "begin anew without --resume"},
          Fault::usage);
    if (!options.resume && there && !options.overwrite)
      throw Error({.where = path_.string(),
                   .found = "the checkpoint of an interrupted run",
                   .advice = "go on from it with --resume, or begin anew with --overwrite"},
                  Fault::usage);
    if (!options.resume) std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  const std::filesystem::path& path() const { return path_; }
  void remove() const { std::filesystem::remove_all(path_); }

 private:
  std::filesystem::path path_;
};

Json summary(const TrainOptions& options, const LanguageModel& model, const lab::PackedText& text,
             const lab::TrainingResult& result) {
  const ParameterCount count = count_parameters(model.spec());
  Json json = {{"output", options.output.string()},
               {"steps", result.steps},
               {"loss", result.mean_loss},
               {"tokens", text.tokens()},
               {"params", count.total},
               {"active_params", count.active},
               {"seconds", result.seconds},
               {"tokens_per_s", result.tokens_per_second}};
  if (result.held_out) json.update({{"eval_nll", result.held_out->nll}, {"eval_ppl", result.held_out->ppl}});
  return json;
}

void write_output(const TrainOptions& options, const LanguageModel& model,
                  const std::filesystem::path& metrics, const Json& result) {
  AtomicDirectory output(options.output, options.overwrite || options.resume);
  lab::save_model(output.path(), model.spec(), lab::state_of(model), stored_dtype(options.dtype));
  copy_companion_files(tokenizer_folder(options), output.path());
  std::filesystem::copy_file(metrics, output.path() / "metrics.jsonl");
  const Json story = {{"made_by", "coppice train"},
                      {"libtorch", TORCH_VERSION},
                      {"threads", thread_count()},
                      {"options", to_json(options)},
                      {"result", result}};
  write_file(output.path() / "coppice.yaml", to_yaml(story));
  output.commit();
}

std::string text_of(const Json& result) {
  std::string text = fmt::format("{} steps in {}, {} tokens/s: loss {:.4f}", result["steps"].get<int64_t>(),
                                 human_duration(result["seconds"]), human_count(result["tokens_per_s"]),
                                 result["loss"].get<double>());
  if (result.contains("eval_ppl"))
    text += fmt::format(", held-out perplexity {:.3f}", result["eval_ppl"].get<double>());
  return text + fmt::format("\nwrote {}\n", result["output"].get<std::string>());
}

}  // namespace

int run_train(const TrainOptions& options) {
  if (std::filesystem::exists(options.output) && !options.overwrite)
    throw Error({.where = options.output.string(),
                 .found = "it exists",
                 .advice = "choose another -o, or replace it with --overwrite"},
                Fault::usage);
  const auto tokenizer = load_tokenizer(tokenizer_folder(options));
  torch::manual_seed(options.training.seed);
  const auto model = starting_model(options, *tokenizer);
  const ModelSpec& spec = model->spec();
  const int64_t context = options.training.context > 0 ? options.training.context : spec.context;
  if (context > spec.context)
    throw Error({.where = "--context",
                 .found = std::to_string(context),
                 .expected = fmt::format("at most the model's {}", spec.context)},
                Fault::usage);

  const auto ids = lab::pack_files(options.text, options.documents, *tokenizer,
                                   lab::document_tokens(*tokenizer, spec.eos_ids));
  const auto text = std::make_shared<lab::PackedText>(ids, context, spec.vocabulary, options.training.seed);
  const CheckpointFolder checkpoints(options);
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  const auto result = lab::train({.model = model,
                                  .text = text,
                                  .options = options.training,
                                  .folder = checkpoints.path(),
                                  .resume = options.resume,
                                  .held_out = held_out_windows(options.eval, *tokenizer, context),
                                  .should_stop = [] { return interrupted != 0; }});
  if (!result.finished) {
    constexpr int exit_interrupted = 130;
    fmt::print(stderr, "interrupted after {} of {} steps; go on with the same command and --resume\n",
               result.steps, options.training.steps);
    return exit_interrupted;
  }
  const Json json = summary(options, *model, *text, result);
  write_output(options, *model, lab::metrics_file(checkpoints.path()), json);
  checkpoints.remove();
  print_result(options.common, json, text_of(json));
  return 0;
}

}  // namespace coppice
