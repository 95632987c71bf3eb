#include "cli/verb.h"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/strings.h"
#include "base/table.h"

namespace coppice {
namespace {

std::string flag_name(const OptionBinding& option) {
  if (option.doc.info.positional) return option.doc.name;
  return (option.doc.info.short_name.empty() ? "" : option.doc.info.short_name + ",") + "--" +
         option.doc.name;
}

std::string environment_name(const OptionBinding& option) {
  std::string name = "COPPICE_" + option.doc.name;
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string default_text(const OptionBinding& option) {
  const std::string& text = option.doc.fallback;
  if (option.flag || option.doc.info.required || text == "null" || text == "\"\"" || text == "[]") return "";
  return text;
}

// One verb's CLI11 parser; words are collected here and converted by the bindings, so that errors are ours.
class Parser {
 public:
  Parser(const Verb& verb, const Verb::Parsed& parsed)
      : parsed_(parsed), app_(verb.info.summary, "coppice " + verb.info.name) {
    app_.footer("\nExample:\n  " + verb.info.example);
    app_.get_formatter()->column_width(34);
    app_.set_help_flag("-h,--help", "print this help");
    words_.resize(parsed.options.size());
    for (size_t i = 0; i < parsed.options.size(); ++i) add(parsed.options[i], words_[i]);
  }

  // Exit code if the parser itself is done (help), or nothing to go on and run.
  std::optional<int> parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
    try {
      app_.parse(arguments);
    } catch (const CLI::CallForHelp&) {
      std::cout << app_.help();
      return 0;
    } catch (const CLI::ExtrasError&) {
      throw unknown_argument();
    } catch (const CLI::ParseError& error) {
      throw Error({.where = app_.get_name(),
                   .found = error.what(),
                   .advice = fmt::format("see {} --help{}", app_.get_name(), file_of_that_name())},
                  Fault::usage);
    }
    for (size_t i = 0; i < parsed_.options.size(); ++i) {
      const CLI::Option& option = *handles_[i];
      if (option.count() > 0 || !words_[i].empty()) {
        const auto& words = parsed_.options[i].flag ? option.results() : words_[i];
        parsed_.options[i].set(words, option.get_name());
      }
    }
    return std::nullopt;
  }

 private:
  void add(const OptionBinding& option, std::vector<std::string>& words) {
    const Field& info = option.doc.info;
    std::string help = info.help;
    const std::string fallback = default_text(option);
    if (!fallback.empty()) help += fmt::format(" (default {})", fallback);
    // A help text that is not const would be taken for the variable that the flag sets.
    CLI::Option* handle = option.flag ? app_.add_flag(flag_name(option), std::as_const(help))
                                      : app_.add_option(flag_name(option), words, help);
    if (!option.flag) {
      std::string shown = info.value_name.empty() ? option.doc.type : info.value_name;
      handle->type_name(shown)->expected(1)->allow_extra_args(false);
      if (option.list && info.positional) handle->expected(-1);
      handle->multi_option_policy(option.list ? CLI::MultiOptionPolicy::TakeAll
                                              : CLI::MultiOptionPolicy::Throw);
    }
    if (!info.positional) handle->envname(environment_name(option));
    handle->required(info.required);
    handles_.push_back(handle);
  }

  Error unknown_argument() const {
    const std::string word = app_.remaining().empty() ? "" : app_.remaining().front();
    std::vector<std::string> known;
    for (const auto& option : parsed_.options)
      if (!option.doc.info.positional) known.push_back("--" + option.doc.name);
    const std::string nearest = nearest_name(word.substr(0, word.find('=')), known);
    return Error({.where = app_.get_name(),
                  .found = fmt::format("unexpected '{}'", word),
                  .advice = nearest.empty() ? fmt::format("see {} --help", app_.get_name())
                                            : fmt::format("did you mean '{}'?", nearest)},
                 Fault::usage);
  }

  // Where a verb of two words may have been meant as one with a file: `coppice measure answers RUN`.
  std::string file_of_that_name() const {
    const std::string& name = app_.get_name();
    const std::string file = name.substr(name.rfind(' ') + 1);
    const bool two_words = std::count(name.begin(), name.end(), ' ') > 1;
    std::error_code ignored;
    if (!two_words || !std::filesystem::exists(file, ignored)) return "";
    return fmt::format("; the file '{0}' is meant by ./{0}", file);
  }

  const Verb::Parsed& parsed_;
  CLI::App app_;
  std::vector<std::vector<std::string>> words_;
  std::vector<CLI::Option*> handles_;
};

std::string overview(const std::vector<Verb>& verbs) {
  std::string text =
      "coppice makes dense neural networks sparse, heals them, and runs them fast on CPUs.\n\nUsage: coppice "
      "VERB [options]\n\n";
  for (const auto& verb : verbs) text += fmt::format("  {:<18} {}\n", verb.info.name, verb.info.summary);
  return text + "\n'coppice VERB --help' tells the options of a verb.\n";
}

// The verb that the first one or two words name.
const Verb* find_verb(const std::vector<Verb>& verbs, const std::vector<std::string>& words, size_t& used) {
  for (size_t count = std::min<size_t>(2, words.size()); count > 0; --count) {
    const std::string name = count == 2 ? words[0] + " " + words[1] : words[0];
    for (const auto& verb : verbs)
      if (verb.info.name == name) {
        used = count;
        return &verb;
      }
  }
  return nullptr;
}

int dispatch(std::vector<std::string> words, const std::vector<Verb>& verbs) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    (words.empty() ? std::cerr : std::cout) << overview(verbs);
    return words.empty() ? static_cast<int>(Fault::usage) : 0;
  }
  if (words[0] == "--version") {
    std::cout << "coppice " << COPPICE_VERSION << "\n";
    return 0;
  }
  if (words[0] == "--reference") {  // how script/docs makes docs/cli.md
    std::cout << cli_reference(verbs);
    return 0;
  }
  size_t used = 0;
  const Verb* verb = find_verb(verbs, words, used);
  if (verb == nullptr) {
    std::vector<std::string> names;
    for (const auto& known : verbs) names.push_back(known.info.name);
    throw Error({.where = "coppice",
                 .found = fmt::format("unknown verb '{}'", words[0]),
                 .advice = suggest(words[0], names)},
                Fault::usage);
  }
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(used));
  const Verb::Parsed parsed = verb->prepare();
  if (const auto code = Parser(*verb, parsed).parse(std::move(words))) return *code;
  return parsed.run();
}

}  // namespace

void apply(const CommonOptions& options) {
  if (options.threads) set_threads(static_cast<int>(*options.threads));
  if (options.quiet) {
    Progress::silence(true);
    logger().set_level(spdlog::level::warn);
  }
}

void print_result(const CommonOptions& options, const Json& json, const std::string& text) {
  std::cout << (options.json ? to_line(json) + "\n" : text) << std::flush;
  if (!std::cout) throw Error({.where = "stdout", .found = "cannot write the result"}, Fault::resource);
}

int run_command_line(int argc, char** argv, const std::vector<Verb>& verbs) {
  constexpr int internal_error = 70;  // EX_SOFTWARE
  std::signal(SIGXFSZ, SIG_IGN);      // a file-size limit becomes an Error that cleans up
  try {
    return dispatch({argv + 1, argv + argc}, verbs);
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory\n";
    return static_cast<int>(Fault::resource);
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code() == std::errc::no_space_on_device ? Fault::resource : Fault::input);
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what()
              << "\nThis is a bug in coppice; please report it with the command that you ran.\n";
    return internal_error;
  }
}

std::string cli_reference(const std::vector<Verb>& verbs) {
  std::string out =
      "# The command line\n\nMade by `script/docs` from the option tables in src/cli; do not edit.\n\n"
      "Results go to stdout, logs and progress to stderr. Every option that begins with `--` can also be "
      "given as an\n"
      "environment variable: `--top-k` as `COPPICE_TOP_K`. Exit codes: 0 done, 1 a claim failed, 2 usage, 3 "
      "bad input,\n"
      "4 out of memory, disk or another resource, 70 an internal error.\n";
  for (const auto& verb : verbs) {
    out += fmt::format("\n## coppice {}\n\n{}\n\n```\n{}\n```\n\n", verb.info.name, verb.info.summary,
                       verb.info.example);
    Table table({"option", "type", "default", "meaning"});
    for (const auto& option : verb.prepare().options) {
      table.add_row(
          {"`" + flag_name(option) + "`", option.doc.type, default_text(option), option.doc.info.help});
    }
    out += table.markdown();
  }
  return out;
}

std::optional<std::filesystem::path> find_lab() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::vector<std::filesystem::path> folders{self.parent_path()};
  if (const char* path = std::getenv("PATH"))
    for (const auto& folder : split(path, ':')) folders.emplace_back(folder);
  for (const auto& folder : folders)
    if (const auto lab = folder / "coppice-lab"; ::access(lab.c_str(), X_OK) == 0) return lab;
  return std::nullopt;
}

int run_in_lab(char** argv) {
  if (const auto lab = find_lab()) ::execv(lab->c_str(), argv);
  throw Error({.where = "coppice-lab",
               .found = "this verb needs the lab, which is not installed",
               .advice = "build with -DCOPPICE_LAB=ON (needs libtorch-dev)"},
              Fault::resource);
}

}  // namespace coppice
