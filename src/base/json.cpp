#include "base/json.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace coppice {
namespace {

// Rejects what the DOM parser would silently accept: nesting bombs and duplicate keys.
class Guard {
 public:
  explicit Guard(const std::string& where) : where_(where) {}

  template <class Document>
  bool operator()(int depth, typename Document::parse_event_t event, const Document& parsed) {
    using Event = typename Document::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= max_json_depth)
        throw Error({.where = where_,
                     .found = "nested too deeply",
                     .expected = fmt::format("at most {} levels", max_json_depth)});
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        throw Error({.where = where_,
                     .found = fmt::format("key '{}' occurs twice", key),
                     .expected = "each key once"});
    }
    return true;
  }

 private:
  const std::string& where_;
  std::vector<std::unordered_set<std::string>> keys_;
};

// Words that YAML readers of one version or another take for null or a truth value.
bool means_something_else(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  static const std::unordered_set<std::string> taken = {"true", "false", "null", "yes", "no",
                                                        "on",   "off",   "y",    "n"};
  return taken.contains(word);
}

void emit(YAML::Emitter& out, const Json& json) {
  if (json.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, value] : json.items()) {
      out << YAML::Key << key << YAML::Value;
      emit(out, value);
    }
    out << YAML::EndMap;
  } else if (json.is_array()) {
    const bool flat = std::none_of(json.begin(), json.end(), [](const Json& e) { return e.is_structured(); });
    out << (flat ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    for (const auto& value : json) emit(out, value);
    out << YAML::EndSeq;
  } else if (json.is_string()) {
    // Quoted unless it is a plain word, so that "1", "yes" and "null" stay strings.
    const auto& text = json.get_ref<const std::string&>();
    const bool plain = !text.empty() &&
                       text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-./") ==
                           std::string::npos &&
                       !means_something_else(text) && text.front() != '-' && text.front() != '.';
    if (plain)
      out << text;
    else
      out << YAML::DoubleQuoted << text;
  } else if (json.is_null()) {
    out << YAML::Null;
  } else {
    out << json.dump();
  }
}

template <class Document>
Document parse(std::string_view text, const std::string& where, const char* advice) {
  Guard guard(where);
  try {
    return Document::parse(text.begin(), text.end(), [&guard](int depth, auto event, Document& parsed) {
      return guard.template operator()<Document>(depth, event, parsed);
    });
  } catch (const typename Document::exception& e) {
    const std::string what = to_utf8(e.what());
    const size_t after_tag = what.find("] ");
    throw Error({.where = where,
                 .found = fmt::format("not valid JSON ({})",
                                      after_tag == what.npos ? what : what.substr(after_tag + 2)),
                 .advice = advice});
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, const char* advice) {
  return parse<Json>(text, where, advice);
}

nlohmann::json parse_large_json(std::string_view text, const std::string& where, const char* advice) {
  return parse<nlohmann::json>(text, where, advice);
}

Json read_json_file(const std::filesystem::path& path, const char* advice) {
  return parse_json(read_file(path), path.string(), advice);
}

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_yaml(const Json& json) {
  YAML::Emitter out;
  out.SetIndent(2);
  emit(out, json);
  return std::string(out.c_str()) + "\n";
}

}  // namespace coppice
