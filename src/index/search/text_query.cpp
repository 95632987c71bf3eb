#include "index/search/text_query.h"

namespace coppice {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void add_clause(std::string_view text, QueryClause clause, Analyzer& analyzer,
                std::vector<QueryClause>& clauses) {
  AnalyzedText analyzed;
  analyzer.analyze(text, analyzed);
  if (analyzed.tokens.empty()) return;
  const uint32_t first = analyzed.tokens[0].position;
  for (size_t i = 0; i < analyzed.tokens.size(); ++i)
    clause.terms.push_back({std::string(analyzed.term(i)), analyzed.tokens[i].position - first});
  // One word in quotes is a word.
  clause.phrase = clause.phrase && clause.terms.size() > 1;
  clauses.push_back(std::move(clause));
}

}  // namespace

std::vector<QueryClause> parse_query(std::string_view text, QuerySyntax syntax, Analyzer& analyzer) {
  std::vector<QueryClause> clauses;
  if (syntax == QuerySyntax::plain) {
    add_clause(text, {}, analyzer, clauses);
    return clauses;
  }
  for (size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    QueryClause clause;
    if ((text[at] == '+' || text[at] == '-') && at + 1 < text.size() && !is_space(text[at + 1]))
      clause.role = text[at++] == '+' ? QueryClause::Role::required : QueryClause::Role::excluded;
    size_t end;
    if (text[at] == '"') {
      clause.phrase = true;
      end = std::min(text.find('"', ++at), text.size());
      add_clause(text.substr(at, end - at), clause, analyzer, clauses);
      at = end + 1;
      continue;
    }
    for (end = at; end < text.size() && !is_space(text[end]); ++end) {
    }
    add_clause(text.substr(at, end - at), clause, analyzer, clauses);
    at = end;
  }
  return clauses;
}

}  // namespace coppice
