#include "base/yaml.h"

#include <cmath>
#include <regex>

#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace coppice {
namespace {

Json plain_scalar(const std::string& text) {
  static const std::regex whole("[-+]?[0-9]{1,18}");
  static const std::regex real(R"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)");
  constexpr size_t longest_number = 400;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (text.size() > longest_number) return text;
  if (std::regex_match(text, whole)) return std::stoll(text);
  if (std::regex_match(text, real)) return std::strtod(text.c_str(), nullptr);
  return text;
}

class Reader {
 public:
  explicit Reader(const std::string& where) : where_(where) {}

  Json convert(const YAML::Node& node, int depth = 0) {
    if (depth > max_json_depth)
      throw Error({.where = where_,
                   .found = "nested too deeply",
                   .expected = fmt::format("at most {} levels", max_json_depth)});
    if (++values_ > max_yaml_values)
      throw Error({.where = where_,
                   .found = "too many values",
                   .expected = fmt::format("at most {}", max_yaml_values)});
    if (node.IsMap()) {
      Json json = Json::object();
      for (const auto& entry : node) {
        if (!entry.first.IsScalar()) throw Error({.where = where_, .found = "a key that is not a word"});
        const std::string key = entry.first.Scalar();
        if (json.contains(key))
          throw Error({.where = where_,
                       .found = fmt::format("key '{}' occurs twice", key),
                       .expected = "each key once"});
        json[key] = convert(entry.second, depth + 1);
      }
      return json;
    }
    if (node.IsSequence()) {
      Json json = Json::array();
      for (const auto& element : node) json.push_back(convert(element, depth + 1));
      return json;
    }
    if (!node.IsScalar()) return nullptr;
    const bool quoted = node.Tag() == "!";
    return quoted ? Json(node.Scalar()) : plain_scalar(node.Scalar());
  }

 private:
  const std::string& where_;
  int values_ = 0;
};

}  // namespace

Json parse_yaml(std::string_view text, const std::string& where) {
  if (!is_utf8(text)) throw Error({.where = where, .found = "bytes that are not UTF-8"});
  try {
    return Reader(where).convert(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    throw Error({.where = where,
                 .found = fmt::format("not valid YAML (line {}: {})", error.mark.line + 1, error.msg)});
  }
}

Json read_yaml_file(const std::filesystem::path& path) {
  return parse_yaml(read_file(path), path.string());
}

}  // namespace coppice
