#pragma once
// The lines of a text file, however long it is.

#include <string>
#include <string_view>

#include "base/error.h"
#include "format/byte_source.h"

namespace coppice {

// What one line or one document may have; more is an Error, so that no file can ask for all memory.
inline constexpr size_t max_document_bytes = size_t{64} << 20;

class LineReader {
 public:
  explicit LineReader(ByteSource source, size_t longest = max_document_bytes);

  // The next line as well-formed UTF-8, without its end (LF or CRLF) and without a byte order mark; valid until the next
  // call. False at the end of the file. Errors: a line that is too long, which is then passed over; a binary file and one
  // that is damaged, which then is at its end.
  bool next(std::string_view& line);

  int64_t number() const { return number_; }  // of the last line, from 1
  std::string where() const { return fmt::format("{}:{}", source_.where(), number_); }
  const ByteSource& source() const { return source_; }

 private:
  bool raw_line(std::string_view& line);
  bool fill();

  ByteSource source_;
  size_t longest_;
  std::string buffer_, decoded_;
  size_t begin_ = 0, end_ = 0;
  bool started_ = false, ended_ = false;
  int64_t number_ = 0;
};

// Throws an Error about one document or query, behind which the reader goes on.
[[noreturn]] void bad_document(const std::string& where, const std::string& found,
                               const std::string& expected);

}  // namespace coppice
