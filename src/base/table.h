#pragma once
// A table that prints itself for people (aligned text, Markdown, HTML) or for programs (TSV).

#include <string>
#include <vector>

namespace coppice {

class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  // One cell per column. Numbers are right-aligned.
  void add_row(std::vector<std::string> cells);
  size_t rows() const { return rows_.size(); }

  std::string text() const;
  std::string markdown() const;
  std::string tsv() const;
  std::string html() const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace coppice
