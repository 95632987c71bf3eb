#pragma once
// Rows of a table: values separated by tabs or commas, each quoted as in RFC 4180 if quotes count; a quoted value may go
// over several lines.

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "format/collection/line_reader.h"

namespace coppice {

class RowReader {
 public:
  RowReader(ByteSource source, char separator, bool quotes)
      : lines_(std::move(source)), separator_(separator), quotes_(quotes) {}

  // The next row that is not an empty line; false at the end. After an Error about quotes reading goes on with the line
  // behind the one in which the row began.
  bool next(std::vector<std::string>& values);

  int64_t number() const { return row_; }  // of the last row, from 1
  std::string where() const {
    return fmt::format("{}:{}", lines_.source().where(), line_);
  }  // of its first line
  const ByteSource& source() const { return lines_.source(); }

 private:
  enum class Parsed { whole, open, wrong };
  bool next_line(std::string& line);
  Parsed split_quoted(std::string_view text, std::vector<std::string>& values) const;
  void split_plain(std::string_view text, std::vector<std::string>& values) const;
  void gather(std::vector<std::string>& values);

  LineReader lines_;
  char separator_;
  bool quotes_;
  std::deque<std::pair<int64_t, std::string>> again_;  // lines to be read once more
  std::string text_;
  int64_t row_ = 0, line_ = 0, last_line_ = 0;
};

}  // namespace coppice
