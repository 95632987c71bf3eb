// BertProcessing and RobertaProcessing: the classification token before a text, the separator behind it.

#include "text/postprocess/post_processor.h"

namespace coppice {
namespace {

TokenId read_pair(const Json& json, const char* key, const std::string& where) {
  const auto pair = json.find(key);
  if (pair == json.end() || !pair->is_array() || pair->size() != 2 || !(*pair)[0].is_string() ||
      !(*pair)[1].is_number_integer())
    throw Error({.where = where + "." + key, .found = "no such pair", .expected = "[\"token\", id]"});
  TokenId id = 0;
  from_json((*pair)[1], id, where + "." + key);
  return id;
}

class ClsSepPostProcessor : public PostProcessor {
 public:
  ClsSepPostProcessor(TokenId cls, TokenId sep) : cls_(cls), sep_(sep) {}

  std::vector<TokenId> apply(std::vector<TokenId> ids) const override {
    ids.insert(ids.begin(), cls_);
    ids.push_back(sep_);
    return ids;
  }
  void list_added(std::vector<TokenId>& ids) const override { ids.insert(ids.end(), {cls_, sep_}); }

 private:
  TokenId cls_, sep_;
};

}  // namespace

std::unique_ptr<PostProcessor> make_cls_sep_post_processor(const Json& json, const std::string& where) {
  return std::make_unique<ClsSepPostProcessor>(read_pair(json, "cls", where), read_pair(json, "sep", where));
}

}  // namespace coppice
