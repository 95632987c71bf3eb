#include "lab/compare/compare.h"

#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "cli/compare_options.h"
#include "lab/convert/converters.h"

namespace coppice {
namespace {

// Names as given, several separated by commas, "all" for every method; each once.
std::vector<std::string> chosen_methods(const std::vector<std::string>& words) {
  std::vector<std::string> methods;
  std::set<std::string> seen;
  for (const auto& word : words)
    for (const auto& name : split(word, ','))
      for (const auto& method : name == "all" ? lab::all_methods() : std::vector{name}) {
        lab::converters().get(method, "--methods");
        if (seen.insert(method).second) methods.push_back(method);
      }
  return methods;
}

std::map<std::string, std::vector<std::string>> settings_by_method(const std::vector<std::string>& words) {
  std::map<std::string, std::vector<std::string>> settings;
  for (const auto& word : words) {
    const size_t dot = word.find('.');
    if (dot == word.npos || word.find('=') == word.npos || word.find('=') < dot)
      throw Error({.where = "--set", .found = "'" + word + "'", .expected = "METHOD.KEY=VALUE"},
                  Fault::usage);
    const std::string method = word.substr(0, dot);
    lab::converters().get(method, "--set").read_settings({word.substr(dot + 1)});
    settings[method].push_back(word.substr(dot + 1));
  }
  return settings;
}

// A place for the converted models when the user keeps none.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coppice-compare-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw system_error("create", pattern);
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

int run_compare(const CompareOptions& options) {
  const lab::CompareRequest request = {.dense = options.model,
                                       .calibration = options.calib,
                                       .text = options.text,
                                       .methods = chosen_methods(options.methods),
                                       .active = options.active,
                                       .experts = options.experts,
                                       .seeds = {options.seeds.begin(), options.seeds.end()},
                                       .context = options.ctx,
                                       .stride = options.stride,
                                       .settings = settings_by_method(options.set)};
  if (options.output.empty()) {
    const ScratchFolder scratch;
    const lab::Comparison comparison = lab::compare_methods(request, scratch.path());
    print_result(options.common, lab::comparison_json(comparison), lab::comparison_text(comparison));
    return 0;
  }
  AtomicDirectory out(options.output, options.overwrite);
  const lab::Comparison comparison = lab::compare_methods(request, out.path());
  const Json json = lab::comparison_json(comparison);
  write_file(out.path() / "compare.json", to_text(json));
  write_file(out.path() / "report.html", lab::comparison_html(comparison));
  if (const auto* best = comparison.best())
    std::filesystem::create_directory_symlink(best->best_directory, out.path() / "best");
  out.commit();
  print_result(options.common, json,
               lab::comparison_text(comparison) + fmt::format("Report: {}\nThe best model: {}\n",
                                                              (options.output / "report.html").string(),
                                                              (options.output / "best").string()));
  return 0;
}

}  // namespace coppice
