#include "format/collection/json_record.h"

#include "base/error.h"
#include "format/collection/append_utf8.h"

namespace coppice {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Walks along a line. Whatever is not as it should be ends the walk with false, and parse_json says what it was.
class Scanner {
 public:
  explicit Scanner(std::string_view line) : line_(line) {}

  bool at_end() {
    spaces();
    return at_ == line_.size();
  }
  bool take(char c) {
    spaces();
    if (at_ == line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool next_is(char c) {
    spaces();
    return at_ < line_.size() && line_[at_] == c;
  }

  bool string(std::string& into) {
    if (!take('"')) return false;
    into.clear();
    for (;;) {
      const size_t begin = at_;
      while (at_ < line_.size() && line_[at_] != '"' && line_[at_] != '\\' &&
             static_cast<unsigned char>(line_[at_]) >= 0x20)
        ++at_;
      into.append(line_, begin, at_ - begin);
      if (at_ == line_.size()) return false;
      const char c = line_[at_++];
      if (c == '"') return true;
      if (c != '\\' || !escape(into)) return false;
    }
  }

  // The extent of a value that is no string: up to the comma or brace behind it, outside of all brackets and strings.
  bool other(std::string_view& value) {
    spaces();
    const size_t begin = at_;
    int64_t depth = 0;
    for (bool quoted = false; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (quoted) {
        if (c == '\\') ++at_;
        if (c == '"') quoted = false;
      } else if (c == '"') {
        quoted = true;
      } else if (c == '[' || c == '{') {
        ++depth;
      } else if ((c == ']' || c == '}') && depth > 0) {
        --depth;
      } else if (depth == 0 && (c == ',' || c == '}')) {
        value = line_.substr(begin, at_ - begin);
        return true;
      }
    }
    return false;
  }

 private:
  void spaces() {
    while (at_ < line_.size() && is_space(line_[at_])) ++at_;
  }

  bool code_unit(uint32_t& unit) {
    if (line_.size() - at_ < 4) return false;
    unit = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex(line_[at_++]);
      if (digit < 0) return false;
      unit = unit << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  bool escape(std::string& into) {
    if (at_ == line_.size()) return false;
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const char c = line_[at_++];
    if (const size_t at = letters.find(c); at != letters.npos) {
      into += meanings[at];
      return true;
    }
    uint32_t unit = 0, low = 0;
    if (c != 'u' || !code_unit(unit)) return false;
    if (unit >= 0xDC00 && unit < 0xE000) return false;
    if (unit >= 0xD800 && unit < 0xDC00) {
      if (line_.substr(at_, 2) != "\\u") return false;
      at_ += 2;
      if (!code_unit(low) || low < 0xDC00 || low >= 0xE000) return false;
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(into, unit);
    return true;
  }

  std::string_view line_;
  size_t at_ = 0;
};

}  // namespace

JsonRecord::Member& JsonRecord::add() {
  if (size_ == members_.size()) members_.emplace_back();
  return members_[size_++];
}

const JsonRecord::Member* JsonRecord::find(std::string_view key) const {
  for (size_t i = 0; i < size_; ++i)
    if (members_[i].key == key) return &members_[i];
  return nullptr;
}

bool JsonRecord::scan(std::string_view line, const std::string& where) {
  constexpr size_t many = 64;  // beyond, looking for a key that comes twice takes too long
  Scanner scanner(line);
  if (!scanner.take('{')) return false;
  if (scanner.take('}')) return scanner.at_end();
  do {
    Member& member = add();
    if (size_ > many || !scanner.string(member.key) || !scanner.take(':')) return false;
    for (size_t i = 0; i + 1 < size_; ++i)
      if (members_[i].key == member.key) return false;
    member.is_text = scanner.next_is('"');
    if (member.is_text) {
      if (!scanner.string(member.text)) return false;
    } else {
      std::string_view value;
      if (!scanner.other(value)) return false;
      member.value = parse_json(value, where);
    }
  } while (scanner.take(','));
  return scanner.take('}') && scanner.at_end();
}

void JsonRecord::read_slowly(std::string_view line, const std::string& where) {
  Json json = parse_json(line, where);
  if (!json.is_object())
    throw Error({.where = where, .found = "JSON that is not an object", .expected = "an object per line"});
  for (auto& [key, value] : json.items()) {
    Member& member = add();
    member.key = key;
    member.is_text = value.is_string();
    if (member.is_text)
      member.text = value.get<std::string>();
    else
      member.value = std::move(value);
  }
}

void JsonRecord::read(std::string_view line, const std::string& where) {
  size_ = 0;
  if (scan(line, where)) return;
  size_ = 0;
  read_slowly(line, where);
}

}  // namespace coppice
