#include "text/component.h"

namespace coppice {

std::string component_type(const Json& json, const std::string& where) {
  if (json.is_object()) {
    const auto type = json.find("type");
    if (type != json.end() && type->is_string()) return type->get<std::string>();
  }
  throw Error({.where = where, .found = to_line(json).substr(0, 60), .expected = "an object with a 'type'"});
}

}  // namespace coppice
