#include "format/collection/topics.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "format/collection/entities.h"
#include "format/collection/markup.h"

namespace coppice {
namespace {

struct Part {
  const char *tag, *part, *label;  // the label stands before the text in the old topics
};

constexpr Part parts[] = {
    {"num", "num", "Number:"},        {"number", "num", ""},
    {"title", "title", "Topic:"},     {"query", "title", ""},
    {"desc", "desc", "Description:"}, {"description", "desc", ""},
    {"question", "desc", ""},         {"summary", "desc", "Summary:"},
    {"narr", "narr", "Narrative:"},   {"narrative", "narr", ""},
};

const Part* find_part(std::string_view tag) {
  for (const auto& part : parts)
    if (part.tag == tag) return &part;
  return nullptr;
}

bool is_topic(std::string_view tag) {
  return tag == "top" || tag == "topic";
}

std::string without_zeros(std::string id) {
  const bool digits = std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) id.erase(0, std::min(id.find_first_not_of('0'), id.size() - 1));
  return id;
}

class Topics {
 public:
  Topics(TopicPart part, const std::string& where) : part_(part), where_(where) {}

  std::vector<SourceQuery> read(std::string_view text) {
    MarkupReader reader(text);
    for (MarkupToken token; reader.next(token);) {
      if (token.kind == MarkupToken::text) {
        if (open_ && current_ != nullptr) content_[current_->part] += decode_entities(token.content) + "\n";
      } else if (is_topic(token.name)) {
        finish();
        if (token.kind == MarkupToken::begin_tag) begin(token, text.substr(0, reader.at()));
      } else if (open_ && token.kind == MarkupToken::begin_tag) {
        current_ = find_part(token.name);
        if (current_ != nullptr && !content_[current_->part].empty()) current_ = nullptr;  // the first counts
      } else if (current_ != nullptr && token.name == current_->tag) {
        current_ = nullptr;
      }
    }
    finish();
    if (queries_.empty())
      throw Error({.where = where_, .found = "no topic", .expected = "<top> … </top> or <topic> … </topic>"});
    return std::move(queries_);
  }

 private:
  void begin(const MarkupToken& token, std::string_view before) {
    open_ = true;
    at_ =
        fmt::format("{}:{}", where_, 1 + std::count(before.begin() + counted_, before.end(), '\n') + lines_);
    lines_ += std::count(before.begin() + counted_, before.end(), '\n');
    counted_ = static_cast<std::ptrdiff_t>(before.size());
    for (const char* name : {"number", "num", "id"})
      if (const auto id = attribute(token.content, name); !id.empty() && content_["num"].empty())
        content_["num"] = id;
    attributes_ = Json::object();
    if (const auto type = attribute(token.content, "type"); !type.empty()) attributes_["type"] = type;
  }

  std::string content(const std::string& part) {
    std::string text = squeezed(content_[part]);
    for (const auto& known : parts) {
      const std::string_view label = known.label;
      if (known.part == part && !label.empty() && text.starts_with(label))
        return std::string(trim(std::string_view(text).substr(label.size())));
    }
    return text;
  }

  void finish() {
    if (!open_) return;
    open_ = false;
    current_ = nullptr;
    SourceQuery query;
    query.id = without_zeros(content("num"));
    if (query.id.empty())
      throw Error({.where = at_, .found = "a topic without a number", .expected = "<num> or number=\"…\""});
    const auto wanted = part_ == TopicPart::all ? std::vector<std::string>{"title", "desc", "narr"}
                                                : std::vector<std::string>{to_string(part_)};
    for (const auto& part : wanted)
      if (const auto text = content(part); !text.empty())
        query.text += (query.text.empty() ? "" : " ") + text;
    if (query.text.empty())
      throw Error({.where = at_,
                   .found = fmt::format("topic {} has no {}", query.id, to_string(part_)),
                   .advice = fmt::format("--topic-part takes another part: {}", present())});
    query.metadata = std::move(attributes_);
    content_.clear();
    queries_.push_back(std::move(query));
  }

  std::string present() {
    std::string names;
    for (const char* part : {"title", "desc", "narr"})
      if (!content(part).empty()) names += (names.empty() ? "" : ", ") + std::string(part);
    return names.empty() ? "there is none" : names;
  }

  TopicPart part_;
  std::string where_, at_;
  std::vector<SourceQuery> queries_;
  std::map<std::string, std::string> content_;
  Json attributes_ = Json::object();
  const Part* current_ = nullptr;
  bool open_ = false;
  std::ptrdiff_t counted_ = 0, lines_ = 0;
};

}  // namespace

std::vector<SourceQuery> parse_topics(std::string_view text, TopicPart part, const std::string& where) {
  return Topics(part, where).read(text);
}

}  // namespace coppice
