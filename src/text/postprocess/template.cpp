// TemplateProcessing: a row of special tokens and the texts' places among them.

#include <algorithm>

#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

struct PlaceOptions {
  std::string id;
  int32_t type_id = 0;
  static void fields(auto& self, auto&& field) {
    field("id", self.id,
          Field{.help = "A or B for a text, or the name of a special token", .required = true});
    field("type_id", self.type_id, Field{.help = "segment number"});
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

// The places of json[key]; a special token may be several ids.
std::vector<TemplatePart> read_template(const Json& json, const char* key, const Json& specials,
                                        const std::string& where) {
  std::vector<TemplatePart> parts;
  for (const auto& [special, sequence] : from_json<std::vector<PartOptions>>(json[key], where + "." + key)) {
    if (special.has_value() == sequence.has_value())
      throw Error({.where = where, .found = "no part, or two", .expected = "a SpecialToken or a Sequence"});
    const PlaceOptions& place = special ? *special : *sequence;
    if (sequence) {
      if (place.id != "A" && place.id != "B")
        throw Error({.where = where, .found = fmt::format("sequence '{}'", place.id), .expected = "A or B"});
      parts.push_back({.text = place.id == "A" ? 0 : 1, .type = place.type_id});
      continue;
    }
    const auto known = specials.find(place.id);
    if (known == specials.end())
      throw Error({.where = where,
                   .found = fmt::format("special token '{}'", place.id),
                   .expected = "one that special_tokens lists"});
    const auto options = from_json<SpecialTokenOptions>(*known, where + ".special_tokens." + place.id);
    for (const TokenId id : options.ids) parts.push_back({.id = id, .type = place.type_id});
  }
  return parts;
}

std::ptrdiff_t places_of(int32_t text, const std::vector<TemplatePart>& parts) {
  return std::count_if(parts.begin(), parts.end(),
                       [text](const TemplatePart& part) { return part.text == text; });
}

}  // namespace

std::unique_ptr<PostProcessor> make_template_post_processor(const Json& json, const std::string& where) {
  const auto single = json.find("single"), specials = json.find("special_tokens");
  if (single == json.end() || specials == json.end() || !specials->is_object())
    throw Error({.where = where,
                 .found = "no template",
                 .expected = "a list 'single' and an object 'special_tokens'"});
  auto processor = std::make_unique<PostProcessor>();
  processor->single = read_template(json, "single", *specials, where);
  if (places_of(0, processor->single) != 1 || places_of(1, processor->single) != 0)
    throw Error({.where = where + ".single",
                 .found = "no place for the text, or two",
                 .expected = "Sequence A once"});
  if (const auto pair = json.find("pair"); pair != json.end() && !pair->empty()) {
    processor->pair = read_template(json, "pair", *specials, where);
    if (places_of(0, processor->pair) != 1 || places_of(1, processor->pair) != 1)
      throw Error({.where = where + ".pair",
                   .found = "no place for a text, or two",
                   .expected = "Sequence A and Sequence B once"});
  }
  return processor;
}

}  // namespace coppice
