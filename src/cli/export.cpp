#include "base/progress.h"
#include "cli/export_options.h"

namespace coppice {

int run_export(const ExportOptions& options) {
  if (std::filesystem::exists(options.out) && !options.overwrite)
    throw Error({.where = options.out.string(),
                 .found = "exists already",
                 .advice = "choose another -o or add --overwrite"});
  const Progress clock("", 0, "");
  const auto model = open_model(options.model);
  const GgufExport written = export_gguf(*model, options.type, options.out);
  const std::string type = to_string(options.type);
  std::string text =
      fmt::format("{}: architecture {}, {} tensors, {} as {}\n", options.out.string(), written.architecture,
                  written.tensors, human_bytes(static_cast<double>(written.bytes)), type);
  if (!written.not_blocks.empty())
    text += fmt::format("{} matrices have rows that are no multiple of a block, and are f16\n",
                        written.not_blocks.size());
  print_result(options.common,
               {{"out", options.out.string()},
                {"architecture", written.architecture},
                {"type", type},
                {"tensors", written.tensors},
                {"bytes", written.bytes},
                {"not_blocks", written.not_blocks},
                {"seconds", clock.seconds()}},
               text);
  return 0;
}

}  // namespace coppice
