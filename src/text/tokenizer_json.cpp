#include "text/tokenizer_json.h"

#include <unordered_set>

#include "base/error.h"

namespace coppice {
namespace {

// Builds the document from parser events. (An ordered Json finds keys one by one, too slowly for a
// vocabulary.)
class Builder {
 public:
  Builder(TokenizerJson& document, const std::string& where) : document_(document), where_(where) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Json::number_integer_t value) { return in_vocab() ? add_token(value) : add(value); }
  bool number_unsigned(Json::number_unsigned_t value) {
    return in_vocab() ? add_token(value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value)) : add(value);
  }
  bool number_float(Json::number_float_t value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }

  bool start_object(size_t) {
    if (levels_.size() == 2 && levels_[0].key == "model" && levels_[1].key == "vocab") {
      document_.vocab.emplace();
      enter(nullptr);
      return true;
    }
    return open(Json::object());
  }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Level& level = levels_.back();
    if (!level.keys.insert(name).second)
      throw Error({.where = where_,
                   .found = fmt::format("key '{}' occurs twice", name),
                   .expected = "each key once"});
    level.key = std::move(name);
    return true;
  }

  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception&) {
    throw Error({.where = where_,
                 .found = fmt::format("not valid JSON at byte {}", at),
                 .advice = perhaps_incomplete});
  }

 private:
  struct Level {
    Json* container;  // nullptr inside model.vocab
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool in_vocab() const { return !levels_.empty() && levels_.back().container == nullptr; }

  bool add_token(int64_t id) {
    document_.vocab->emplace_back(levels_.back().key, id);
    return true;
  }

  Json* place(Json value) {
    if (levels_.empty()) return &(document_.rest = std::move(value));
    Level& level = levels_.back();
    if (level.container == nullptr)
      throw Error({.where = where_,
                   .found = fmt::format("model.vocab: token '{}' has no whole number as its id", level.key)});
    if (level.container->is_array()) return &level.container->emplace_back(std::move(value));
    // Appended without the search for an equal key, which `keys` has done.
    auto& members = level.container->get_ref<Json::object_t&>();
    static_cast<Json::object_t::Container&>(members).emplace_back(level.key, std::move(value));
    return &members.back().second;
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json value) {
    enter(place(std::move(value)));
    return true;
  }

  void enter(Json* container) {
    if (static_cast<int>(levels_.size()) >= max_json_depth)
      throw Error({.where = where_,
                   .found = "nested too deeply",
                   .expected = fmt::format("at most {} levels", max_json_depth)});
    levels_.push_back({container, {}, {}});
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  TokenizerJson& document_;
  const std::string& where_;
  std::vector<Level> levels_;
};

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& where) {
  TokenizerJson document;
  Builder builder(document, where);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return document;
}

}  // namespace coppice
