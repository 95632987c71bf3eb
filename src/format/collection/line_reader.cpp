#include "format/collection/line_reader.h"

#include <cstring>

#include "base/progress.h"
#include "base/strings.h"
#include "format/collection/decode_text.h"

namespace coppice {

void bad_document(const std::string& where, const std::string& found, const std::string& expected) {
  throw Error({.where = where, .found = found, .expected = expected});
}

LineReader::LineReader(ByteSource source, size_t longest)
    : source_(std::move(source)), longest_(longest), buffer_(size_t{1} << 18, '\0') {}

// Reads more behind what is there; false at the end of the file.
bool LineReader::fill() {
  if (ended_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  size_t size = 0;
  try {
    size = source_.read(buffer_.data() + end_, buffer_.size() - end_);
  } catch (...) {
    begin_ = end_;
    ended_ = true;
    throw;
  }
  ended_ = size == 0;
  end_ += size;
  if (!started_) {
    started_ = true;
    const std::string_view begin(buffer_.data(), end_);
    const bool wide = begin.starts_with("\xFF\xFE") || begin.starts_with("\xFE\xFF");
    if (wide || looks_binary(begin)) {
      begin_ = end_;
      ended_ = true;
      throw Error({.where = source_.where(),
                   .found = wide ? "UTF-16" : "a binary file",
                   .expected = "text in UTF-8",
                   .advice = wide ? "turn it into UTF-8 with iconv -f UTF-16 -t UTF-8" : ""});
    }
    if (begin.starts_with("\xEF\xBB\xBF")) begin_ = 3;
  }
  return size > 0;
}

bool LineReader::raw_line(std::string_view& line) {
  bool too_long = false;
  for (size_t searched = 0;;) {
    const char* from = buffer_.data() + begin_;
    const auto* newline =
        static_cast<const char*>(std::memchr(from + searched, '\n', end_ - begin_ - searched));
    if (newline != nullptr) {
      line = {from, static_cast<size_t>(newline - from)};
      begin_ += line.size() + 1;
      break;
    }
    searched = end_ - begin_;
    if (searched > longest_) {
      too_long = true;
      begin_ = end_;
      searched = 0;
    }
    if (!fill()) {
      line = {buffer_.data() + begin_, end_ - begin_};
      begin_ = end_;
      if (line.empty() && !too_long) return false;
      break;
    }
    if (!too_long && end_ - begin_ < searched) searched = 0;
  }
  ++number_;
  if (too_long || line.size() > longest_)
    bad_document(where(), "a line of more than " + human_bytes(static_cast<double>(longest_)),
                 "shorter documents");
  return true;
}

bool LineReader::next(std::string_view& line) {
  if (!raw_line(line)) return false;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_utf8(line) || line.find('\0') != line.npos) {
    decode_text(line, decoded_);
    line = decoded_;
  }
  return true;
}

}  // namespace coppice
