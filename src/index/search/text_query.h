#pragma once
// A query to the text of an index: words, and on request operators:
//   words             count for a document, none is needed
//   "in this order"   a phrase
//   +word  +"phrase"  has to be in the document
//   -word  -"phrase"  must not be
// A query of plain text has none: quotes and signs are text.

#include <string>
#include <string_view>
#include <vector>

#include "text/analysis/analyzer.h"

namespace coppice {

enum class QuerySyntax { plain, operators };
template <>
struct EnumNames<QuerySyntax> {
  static constexpr auto values = std::to_array<std::pair<QuerySyntax, const char*>>(
      {{QuerySyntax::plain, "plain"}, {QuerySyntax::operators, "operators"}});
};

struct QueryClause {
  enum class Role { optional, required, excluded };
  Role role = Role::optional;
  bool phrase = false;  // terms stand at their offsets from each other
  struct Term {
    std::string text;
    uint32_t offset;
    bool operator==(const Term&) const = default;
  };
  std::vector<Term> terms;
  bool operator==(const QueryClause&) const = default;
};

// The words of a query with operators as a plain text, for encoders and rerankers: without signs and quotes, and without
// what is excluded. A query without operators stays as it is.
std::string without_operators(std::string_view text);

// Clauses without terms (stop words only) are left out. A quote that is not closed is text to the end.
std::vector<QueryClause> parse_query(std::string_view text, QuerySyntax syntax, Analyzer& analyzer);

}  // namespace coppice
