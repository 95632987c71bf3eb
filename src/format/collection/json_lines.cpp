// An object per line. Members that are text become fields; what is left is metadata, and so are the members of an object
// called metadata, as BEIR has it.

#include <cmath>

#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/json_record.h"
#include "format/collection/line_reader.h"
#include "format/collection/record_names.h"

namespace coppice {
namespace {

class JsonLines final : public DocumentReader {
 public:
  JsonLines(ByteSource source, const CollectionOptions& options, RecordKind kind)
      : lines_(std::move(source)), options_(options), names_(options_, kind) {}

  bool next(SourceDocument& document) override {
    std::string_view line;
    do
      if (!lines_.next(line)) return false;
    while (trim(line).empty());
    document.where = lines_.where();
    record_.read(line, document.where);
    keys_.clear();
    for (size_t i = 0; i < record_.size(); ++i) keys_.push_back(record_[i].key);
    const size_t id = find_id();
    const auto is_text = names_.find_texts(keys_);
    if (!names_.is_numbered()) document.id = id_of(record_[id], document.where);
    if (names_.is_numbered()) document.id = std::to_string(lines_.number());
    document.metadata = Json::object();
    bool any_text = false;
    for (size_t i = 0; i < record_.size(); ++i) {
      if (i == id) continue;
      auto& member = record_[i];
      any_text = any_text || is_text[i];
      if (options_.sparse && member.key == options_.sparse_field)
        add_sparse(member.value, document);
      else if (is_text[i] && (member.is_text || is_texts(member.value)))
        add_field(document, member.key, member.is_text ? std::move(member.text) : joined(member.value));
      else if (member.key == "metadata" && member.value.is_object())
        document.metadata.update(member.value);
      else if (member.is_text)
        document.metadata[member.key] = std::move(member.text);
      else if (!member.value.is_null())
        document.metadata[member.key] = std::move(member.value);
    }
    if (options_.sparse && document.sparse.empty() && record_.find(options_.sparse_field) == nullptr)
      bad_document(document.where, fmt::format("no '{}'", options_.sparse_field),
                   "a sparse vector, as {\"term\": 1.5}");
    if (first_ && !any_text && !options_.sparse) no_text(document.where);
    first_ = false;
    return true;
  }

  uint64_t bytes_read() const override { return lines_.source().bytes_read(); }

 private:
  size_t find_id() {
    const size_t id = names_.find_id(keys_);
    if (id == RecordNames::npos && !names_.is_numbered())
      throw Error({.where = lines_.where(),
                   .found = "no id among " + keys_found(),
                   .expected = names_.wanted_id(),
                   .advice = names_.id_advice("line")});
    return id;
  }

  [[noreturn]] void no_text(const std::string& where) {
    throw Error({.where = where,
                 .found = "no text among " + keys_found(),
                 .expected = names_.wanted_text(),
                 .advice = names_.text_advice()});
  }

  std::string keys_found() const {
    constexpr size_t most = 12;
    std::string keys;
    for (size_t i = 0; i < record_.size() && i < most; ++i)
      keys += (keys.empty() ? "" : ", ") + record_[i].key.substr(0, 40);
    return keys.empty() ? "no members" : keys + (record_.size() > most ? ", …" : "");
  }

  static std::string id_of(const JsonRecord::Member& member, const std::string& where) {
    const std::string id = member.is_text                     ? member.text
                           : member.value.is_number_integer() ? member.value.dump()
                                                              : "";
    if (id.empty())
      bad_document(where,
                   fmt::format("'{}' is {}", member.key,
                               member.is_text ? "empty" : to_line(member.value).substr(0, 40)),
                   "an id: text or a whole number");
    return id;
  }

  static bool is_texts(const Json& value) {
    if (!value.is_array()) return false;
    for (const auto& part : value)
      if (!part.is_string()) return false;
    return !value.empty();
  }

  static std::string joined(const Json& texts) {
    std::string all;
    for (const auto& text : texts) all += (all.empty() ? "" : "\n") + text.get_ref<const std::string&>();
    return all;
  }

  void add_sparse(const Json& vector, SourceDocument& document) const {
    const auto wrong = [&](const std::string& found) {
      bad_document(document.where, found, "a sparse vector, as {\"term\": 1.5}");
    };
    if (!vector.is_object()) wrong(fmt::format("'{}' is no object", options_.sparse_field));
    for (const auto& [term, weight] : vector.items()) {
      const float value = weight.is_number() ? weight.get<float>() : NAN;
      if (!std::isfinite(value)) wrong(fmt::format("the weight of '{}' is no number", term.substr(0, 40)));
      document.sparse.emplace_back(term, value);
    }
  }

  LineReader lines_;
  CollectionOptions options_;
  RecordNames names_;
  JsonRecord record_;
  std::vector<std::string_view> keys_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<DocumentReader> read_json_lines(ByteSource source, const CollectionOptions& options,
                                                RecordKind kind) {
  return std::make_unique<JsonLines>(std::move(source), options, kind);
}

}  // namespace coppice
