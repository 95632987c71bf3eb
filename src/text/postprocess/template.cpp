// TemplateProcessing: a row of special tokens and the text's place among them. Only single texts are encoded,
// so the template for pairs is read past.

#include <algorithm>

#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

struct PlaceOptions {
  std::string id;
  int64_t type_id = 0;
  static void fields(auto& self, auto&& field) {
    field("id", self.id, Field{.help = "A for the text, or the name of a special token", .required = true});
    field("type_id", self.type_id, Field{.help = "segment number, which we do not give"});
  }
};

struct PartOptions {
  std::optional<PlaceOptions> special_token, sequence;
  static void fields(auto& self, auto&& field) {
    field("SpecialToken", self.special_token, Field{.help = "a special token"});
    field("Sequence", self.sequence, Field{.help = "the text"});
  }
};

struct SpecialTokenOptions {
  std::string id;
  std::vector<TokenId> ids;
  std::vector<std::string> tokens;
  static void fields(auto& self, auto&& field) {
    field("id", self.id, Field{.help = "its name", .required = true});
    field("ids", self.ids, Field{.help = "the ids that it stands for", .required = true});
    field("tokens", self.tokens, Field{.help = "their spellings"});
  }
};

struct Part {
  bool text = false;
  std::vector<TokenId> ids;
};

class TemplatePostProcessor : public PostProcessor {
 public:
  explicit TemplatePostProcessor(std::vector<Part> parts) : parts_(std::move(parts)) {}

  std::vector<TokenId> apply(std::vector<TokenId> ids) const override {
    std::vector<TokenId> result;
    result.reserve(ids.size() + parts_.size());
    for (const auto& part : parts_) {
      const auto& source = part.text ? ids : part.ids;
      result.insert(result.end(), source.begin(), source.end());
    }
    return result;
  }
  void list_added(std::vector<TokenId>& ids) const override {
    for (const auto& part : parts_) ids.insert(ids.end(), part.ids.begin(), part.ids.end());
  }

 private:
  std::vector<Part> parts_;
};

Part make_part(const PartOptions& options, const Json& specials, const std::string& where) {
  if (options.special_token.has_value() == options.sequence.has_value())
    throw Error({.where = where, .found = "no part, or two", .expected = "a SpecialToken or a Sequence"});
  if (options.sequence) {
    if (options.sequence->id != "A")
      throw Error({.where = where,
                   .found = fmt::format("sequence '{}'", options.sequence->id),
                   .expected = "A, the only text"});
    return {.text = true, .ids = {}};
  }
  const std::string& name = options.special_token->id;
  const auto special = specials.find(name);
  if (special == specials.end())
    throw Error({.where = where,
                 .found = fmt::format("special token '{}'", name),
                 .expected = "one that special_tokens lists"});
  return {.text = false,
          .ids = from_json<SpecialTokenOptions>(*special, where + ".special_tokens." + name).ids};
}

}  // namespace

std::unique_ptr<PostProcessor> make_template_post_processor(const Json& json, const std::string& where) {
  const auto single = json.find("single"), specials = json.find("special_tokens");
  if (single == json.end() || specials == json.end() || !specials->is_object())
    throw Error({.where = where,
                 .found = "no template",
                 .expected = "a list 'single' and an object 'special_tokens'"});
  std::vector<Part> parts;
  for (const auto& options : from_json<std::vector<PartOptions>>(*single, where + ".single"))
    parts.push_back(make_part(options, *specials, where));
  if (std::count_if(parts.begin(), parts.end(), [](const Part& part) { return part.text; }) != 1)
    throw Error({.where = where + ".single",
                 .found = "no place for the text, or two",
                 .expected = "Sequence A once"});
  return std::make_unique<TemplatePostProcessor>(std::move(parts));
}

}  // namespace coppice
