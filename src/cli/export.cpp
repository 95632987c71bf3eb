#include "base/file.h"
#include "base/progress.h"
#include "cli/export_options.h"
#include "model/model_directory.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

// A model directory whose experts lie in that form.
int export_directory(const ExportOptions& options, ExpertTensors experts) {
  if (options.type)
    throw Error({.where = "--type",
                 .found = "a type of GGUF beside --experts",
                 .expected = "one of them: a directory keeps the numbers as they are"},
                Fault::usage);
  const Progress clock("", 0, "");
  AtomicDirectory target(options.out, options.overwrite);
  const auto model = open_model(options.model);
  write_model(target.path(), *model, {.expert_tensors = experts});
  if (fs::is_directory(options.model)) copy_companion_files(options.model, target.path());
  target.commit();
  const std::string form = to_string(experts), family = writable_family(model->spec());
  print_result(options.common,
               {{"out", options.out.string()},
                {"family", family},
                {"experts", form},
                {"tensors", tensor_table(model->spec()).size()},
                {"seconds", clock.seconds()}},
               fmt::format("{}: family {}, {} experts\n", options.out.string(), family, form));
  return 0;
}

int export_file(const ExportOptions& options) {
  if (fs::exists(options.out) && !options.overwrite)
    throw Error({.where = options.out.string(),
                 .found = "exists already",
                 .advice = "choose another -o or add --overwrite"});
  const Progress clock("", 0, "");
  const auto sentence = fs::is_directory(options.model) ? read_sentence_spec(options.model) : std::nullopt;
  const auto model = open_model(sentence ? sentence->model : options.model);
  const GgufWeights weights = options.type.value_or(GgufWeights::f16);
  const GgufExport written = export_gguf(*model, weights, options.out, sentence ? &*sentence : nullptr);
  const std::string type = to_string(weights);
  std::string text =
      fmt::format("{}: architecture {}, {} tensors, {} as {}\n", options.out.string(), written.architecture,
                  written.tensors, human_bytes(static_cast<double>(written.bytes)), type);
  if (!written.not_blocks.empty())
    text += fmt::format("{} matrices have rows that are no multiple of a block, and are f16\n",
                        written.not_blocks.size());
  if (!written.left_out.empty())
    text += fmt::format("left out, as GGUF has no place for it: {}\n", fmt::join(written.left_out, ", "));
  print_result(options.common,
               {{"out", options.out.string()},
                {"architecture", written.architecture},
                {"type", type},
                {"tensors", written.tensors},
                {"bytes", written.bytes},
                {"not_blocks", written.not_blocks},
                {"left_out", written.left_out},
                {"seconds", clock.seconds()}},
               text);
  return 0;
}

}  // namespace

int run_export(const ExportOptions& options) {
  return options.experts ? export_directory(options, *options.experts) : export_file(options);
}

}  // namespace coppice
