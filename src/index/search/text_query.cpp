#include "index/search/text_query.h"

namespace coppice {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// A word, or what stands in quotes, with the sign before it.
struct Piece {
  QueryClause::Role role;
  bool quoted;
  std::string_view text;
};

bool next_piece(std::string_view text, size_t& at, Piece& piece) {
  while (at < text.size() && is_space(text[at])) ++at;
  if (at == text.size()) return false;
  piece = {QueryClause::Role::optional, false, {}};
  if ((text[at] == '+' || text[at] == '-') && at + 1 < text.size() && !is_space(text[at + 1]))
    piece.role = text[at++] == '+' ? QueryClause::Role::required : QueryClause::Role::excluded;
  piece.quoted = text[at] == '"';
  size_t end = piece.quoted ? std::min(text.find('"', ++at), text.size()) : at;
  while (!piece.quoted && end < text.size() && !is_space(text[end])) ++end;
  piece.text = text.substr(at, end - at);
  at = std::min(end + piece.quoted, text.size());
  return true;
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
  Piece piece;
  for (size_t at = 0; next_piece(text, at, piece);)
    add_clause(piece.text, {.role = piece.role, .phrase = piece.quoted, .terms = {}}, analyzer, clauses);
  return clauses;
}

std::string without_operators(std::string_view text) {
  std::string words;
  bool any = false;
  Piece piece;
  for (size_t at = 0; next_piece(text, at, piece);) {
    any = any || piece.quoted || piece.role != QueryClause::Role::optional;
    if (piece.role == QueryClause::Role::excluded) continue;
    words += (words.empty() ? "" : " ") + std::string(piece.text);
  }
  return any ? words : std::string(text);
}

}  // namespace coppice
