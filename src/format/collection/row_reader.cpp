#include "format/collection/row_reader.h"

#include <algorithm>

#include "base/progress.h"

namespace coppice {

bool RowReader::next_line(std::string& line) {
  if (!again_.empty()) {
    last_line_ = again_.front().first;
    line = std::move(again_.front().second);
    again_.pop_front();
    return true;
  }
  std::string_view view;
  if (!lines_.next(view)) return false;
  last_line_ = lines_.number();
  line = view;
  return true;
}

void RowReader::split_plain(std::string_view text, std::vector<std::string>& values) const {
  values.clear();
  for (size_t begin = 0;;) {
    const size_t end = std::min(text.find(separator_, begin), text.size());
    values.emplace_back(text.substr(begin, end - begin));
    if (end == text.size()) return;
    begin = end + 1;
  }
}

RowReader::Parsed RowReader::split_quoted(std::string_view text, std::vector<std::string>& values) const {
  values.clear();
  for (size_t at = 0;;) {
    std::string& value = values.emplace_back();
    if (at < text.size() && text[at] == '"') {
      ++at;
      for (;;) {
        const size_t quote = text.find('"', at);
        if (quote == text.npos) return Parsed::open;
        value.append(text, at, quote - at);
        at = quote + 1;
        if (at == text.size() || text[at] != '"') break;
        value += '"';
        ++at;
      }
      if (at < text.size() && text[at] != separator_) return Parsed::wrong;
    } else {
      const size_t end = std::min(text.find(separator_, at), text.size());
      value.assign(text, at, end - at);
      at = end;
    }
    if (at == text.size()) return Parsed::whole;
    ++at;
  }
}

// Reads lines until all quotes are closed. Whether one is open is known from the parity of quotes, so that a row of many
// lines is split only once.
void RowReader::gather(std::vector<std::string>& values) {
  std::vector<std::pair<int64_t, std::string>> read;
  const auto fail = [&](const std::string& found) {
    again_.insert(again_.begin(), std::make_move_iterator(read.begin()), std::make_move_iterator(read.end()));
    bad_document(where(), found, "values quoted as \"a \"\"quoted\"\" word\"");
  };
  bool odd = std::count(text_.begin(), text_.end(), '"') % 2 != 0;
  for (;;) {
    const Parsed parsed = odd ? Parsed::open : split_quoted(text_, values);
    if (parsed == Parsed::whole) return;
    if (parsed == Parsed::wrong) fail("a quoted value that goes on behind its quote");
    std::string line;
    if (!next_line(line)) fail("a quote that is never closed");
    text_ += '\n';
    text_ += line;
    odd = odd != (std::count(line.begin(), line.end(), '"') % 2 != 0);
    read.emplace_back(last_line_, std::move(line));
    if (text_.size() > max_document_bytes)
      fail(fmt::format("a quoted value of more than {}",
                       human_bytes(static_cast<double>(max_document_bytes))));
  }
}

bool RowReader::next(std::vector<std::string>& values) {
  do
    if (!next_line(text_)) return false;
  while (text_.empty());
  ++row_;
  line_ = last_line_;
  if (quotes_ && text_.find('"') != text_.npos)
    gather(values);
  else
    split_plain(text_, values);
  return true;
}

}  // namespace coppice
