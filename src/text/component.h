#pragma once
// The parts of a tokenizer.json: each is an object whose "type" names an entry of its shelf's registry and
// whose other keys are that entry's options.

#include <memory>
#include <string>

#include "base/fields.h"
#include "base/registry.h"

namespace coppice {

// Makes a component from its JSON; `where` is its place in the file, for errors.
template <class Component>
using ComponentMaker = std::unique_ptr<Component> (*)(const Json& json, const std::string& where);

// The "type" of a component; a missing one is an Error.
std::string component_type(const Json& json, const std::string& where);

template <class Component>
std::unique_ptr<Component> make_component(const Registry<ComponentMaker<Component>>& kinds, const Json& json,
                                          const std::string& where) {
  const std::string type = component_type(json, where);
  return kinds.get(type, where, Fault::input)(json, where + "." + type);
}

// The options of a component by their field visit; unknown keys are Errors.
template <Visitable Options>
Options read_options(const Json& json, const std::string& where) {
  Json rest = json;
  rest.erase("type");
  return from_json<Options>(rest, where);
}

// Options of a component that has none.
struct NoOptions {
  static void fields(auto&, auto&&) {}
};

// The components in json[key] of a Sequence, in order.
template <class Component>
std::vector<std::unique_ptr<Component>> make_sequence(const Registry<ComponentMaker<Component>>& kinds,
                                                      const Json& json, const char* key,
                                                      const std::string& where) {
  const auto list = json.find(key);
  if (list == json.end() || !list->is_array())
    throw Error(
        {.where = where, .found = fmt::format("no list '{}'", key), .expected = "a list of components"});
  std::vector<std::unique_ptr<Component>> parts;
  for (size_t i = 0; i < list->size(); ++i)
    parts.push_back(make_component(kinds, (*list)[i], fmt::format("{}.{}[{}]", where, key, i)));
  return parts;
}

}  // namespace coppice
