#pragma once
// One JSON object as a list of its members. Documents come by the million, one to a line, and most of their members are
// strings: those are taken straight from the line, all else goes through parse_json. What it accepts is what parse_json
// accepts.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace coppice {

class JsonRecord {
 public:
  struct Member {
    std::string key;
    bool is_text = false;
    std::string text;  // of a string
    Json value;        // of anything else
  };

  // Reads the object, whose bytes are well-formed UTF-8, in place of the one before. Errors name `where`.
  void read(std::string_view line, const std::string& where);

  size_t size() const { return size_; }
  Member& operator[](size_t i) { return members_[i]; }
  const Member& operator[](size_t i) const { return members_[i]; }
  const Member* find(std::string_view key) const;

 private:
  bool scan(std::string_view line, const std::string& where);
  void read_slowly(std::string_view line, const std::string& where);
  Member& add();

  std::vector<Member> members_;  // its strings' memory is used again
  size_t size_ = 0;
};

}  // namespace coppice
