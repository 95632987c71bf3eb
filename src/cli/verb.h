#pragma once
// A verb of the command line: its options are a struct with fields (base/fields.h), from which parsing, --help,
// COPPICE_* variables and docs/cli.md are made. Each verb has
//   cli/<verb>_options.h   struct <Verb>Options and `inline const VerbInfo <verb>_verb`
//   cli/<verb>.cpp         int run_<verb>(const <Verb>Options&); verbs that need libtorch: cli/lab/<verb>.cpp
// and one line in the list of main.cpp (and of lab/main.cpp).

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fields.h"
#include "base/strings.h"

namespace coppice {

// Options that every verb has. A verb's `fields` ends with `CommonOptions::fields(self.common, field)`.
struct CommonOptions {
  bool json = false, quiet = false;
  std::optional<int64_t> threads;

  static void fields(auto& self, auto&& field) {
    field("json", self.json, Field{.help = "print the result as JSON"});
    field("quiet", self.quiet, Field{.help = "no progress and no remarks on stderr"});
    field("threads", self.threads,
          Field{.help = "threads to use (default: all cores)", .min = 1, .max = 1024, .value_name = "N"});
  }
};

// The model that a verb is about, of whatever files.
inline Field model_argument() {
  return {
      .help = "model directory or GGUF file", .required = true, .positional = true, .value_name = "MODEL"};
}

// Applies threads and quiet to the process.
void apply(const CommonOptions& options);

// Prints a result on stdout: `json` on one line if asked for, else `text`.
void print_result(const CommonOptions& options, const Json& json, const std::string& text);

struct VerbInfo {
  std::string name;     // "convert", or of two words: "train tokenizer"
  std::string summary;  // one line
  std::string example;  // a command that works
};

// How the parser and the documentation see one option.
struct OptionBinding {
  FieldDoc doc;
  bool flag = false, list = false;
  // Sets the field from words; throws a usage Error that names `where`.
  std::function<void(const std::vector<std::string>& words, const std::string& where)> set;
};

struct Verb {
  VerbInfo info;
  // Bindings into a fresh options object, which the second member runs.
  struct Parsed {
    std::vector<OptionBinding> options;
    std::function<int()> run;
  };
  std::function<Parsed()> prepare;
};

namespace detail {

template <class T>
void set_from_words(T& value, const std::vector<std::string>& words, const std::string& where) {
  if constexpr (is_optional<T>) {
    set_from_words(value.emplace(), words, where);
  } else if constexpr (is_vector<T>) {
    // Numbers and names of values may also be given as one word, separated by commas.
    using Element = typename T::value_type;
    for (const auto& word : words)
      for (const auto& part :
           std::is_arithmetic_v<Element> || NamedEnum<Element> ? split(word, ',') : std::vector{word})
        set_from_words(value.emplace_back(), {part}, where);
  } else if constexpr (std::same_as<T, bool>) {
    const std::string word = words.empty() ? "true" : words.back();
    if (word != "true" && word != "false" && word != "1" && word != "0")
      throw Error({.where = where, .found = fmt::format("'{}'", word), .expected = "true or false"},
                  Fault::usage);
    value = word == "true" || word == "1";
  } else if constexpr (NamedEnum<T>) {
    value = parse_enum<T>(words.back(), where, Fault::usage);
  } else if constexpr (std::is_arithmetic_v<T>) {
    const std::string& word = words.back();
    size_t used = 0;
    try {
      if constexpr (std::floating_point<T>)
        value = static_cast<T>(std::stod(word, &used));
      else
        value = static_cast<T>(std::stoll(word, &used));
    } catch (const std::exception&) {
      used = 0;
    }
    if (used != word.size() || word.empty())
      throw Error({.where = where,
                   .found = fmt::format("'{}'", word),
                   .expected = std::floating_point<T> ? "a number" : "a whole number"},
                  Fault::usage);
  } else {
    value = words.back();
  }
}

}  // namespace detail

template <Visitable Options>
Verb make_verb(const VerbInfo& info, std::function<int(const Options&)> run) {
  return {info, [run] {
            auto options = std::make_shared<Options>();
            Verb::Parsed parsed;
            parsed.run = [options, run] {
              apply(options->common);
              return run(*options);
            };
            Options::fields(*options, [&parsed, options](const char* name, auto& member, const Field& field) {
              using Member = std::decay_t<decltype(member)>;
              std::string shown = name;
              std::replace(shown.begin(), shown.end(), '_', '-');
              parsed.options.push_back(
                  {.doc = {shown, type_name<Member>(), to_line(to_json(member)), field},
                   .flag = std::same_as<Member, bool>,
                   .list = is_vector<Member>,
                   // The options object lives as long as the closure that points into it.
                   .set = [options, &member, field](const auto& words, const std::string& where) {
                     if constexpr (is_vector<Member>) member.clear();
                     detail::set_from_words(member, words, where);
                     check_range(member, field, where, Fault::usage);
                   }});
            });
            return parsed;
          }};
}

// Parses argv against `verbs` and runs one. Handles --help, --version, errors and exit codes: 0 done, 1 a claim
// failed, 2 usage, 3 bad input, 4 resources; 70 an internal error.
int run_command_line(int argc, char** argv, const std::vector<Verb>& verbs);

// The reference of all verbs as Markdown: docs/cli.md.
std::string cli_reference(const std::vector<Verb>& verbs);

// The executable coppice-lab, beside this one or on the PATH.
std::optional<std::filesystem::path> find_lab();
// A verb that coppice-lab runs.
int run_in_lab(char** argv);

template <Visitable Options>
Verb delegate_to_lab(const VerbInfo& info, char** argv) {
  return make_verb<Options>(info, [argv](const Options&) { return run_in_lab(argv); });
}

}  // namespace coppice
