#pragma once
// A registry is one visible list of named entries; no static-initialiser tricks.
//
//   const Registry<Router>& routers() {
//     static const Registry<Router> all("router", {{"softmax", …}, {"sigmoid", …}});
//     return all;
//   }

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace coppice {

template <class T>
class Registry {
 public:
  using Entry = std::pair<std::string, T>;

  Registry(std::string kind, std::vector<Entry> entries)
      : kind_(std::move(kind)), entries_(std::move(entries)) {}

  const T* find(std::string_view name) const {
    for (const auto& [known, value] : entries_)
      if (known == name) return &value;
    return nullptr;
  }

  // The entry called `name`; otherwise an Error with the nearest known name. `where` says who asked.
  const T& get(std::string_view name, const std::string& where = "", Fault fault = Fault::usage) const {
    if (const T* value = find(name)) return *value;
    throw Error({.where = where,
                 .found = fmt::format("unknown {} '{}'", kind_, name),
                 .advice = suggest(name, names())},
                fault);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : entries_) result.push_back(entry.first);
    return result;
  }

  const std::string& kind() const { return kind_; }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::string kind_;
  std::vector<Entry> entries_;
};

}  // namespace coppice
