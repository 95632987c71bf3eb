#pragma once
// Filters on documents' metadata, as people write them:
//   year >= 1990 and (lang = 'en' or lang = "fr") and not draft = true and author exists
// Comparisons are = != < <= > >= of a metadata key (dots go into objects) with a number, a quoted text, true or false;
// `KEY contains 'x'` asks for a text within a text or a member of an array, `KEY exists` for the key.

#include <string>
#include <variant>
#include <vector>

#include "index/store/database.h"

namespace coppice {

// A condition on the table of documents. Values are parameters, never part of the SQL.
struct SqlCondition {
  std::string sql;
  std::vector<std::variant<int64_t, double, std::string>> values;
  void bind(Statement& statement) const;
};

// An Error of usage shows where the text stops making sense.
SqlCondition parse_filter(const std::string& text);

}  // namespace coppice
