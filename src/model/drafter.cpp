#include "model/drafter.h"

#include <algorithm>

#include "model/kv_cache.h"

namespace coppice {
namespace {

class ModelDrafter final : public Drafter {
 public:
  ModelDrafter(Decoder& decoder, const SamplerOptions& sampler)
      : decoder_(decoder), sampler_(Sampler(sampler).fork("draft")) {
    require_next_token_model(decoder.spec(), "draft");
  }

  Draft propose(std::span<const int32_t> history, int64_t most) override {
    go_back_to(history, most);
    Draft draft;
    std::vector<int32_t> text(history.begin(), history.end());
    const int64_t context = decoder_.spec().context;
    while (static_cast<int64_t>(draft.ids.size()) < most && static_cast<int64_t>(text.size()) <= context) {
      draft.distributions.push_back(sampler_.distribution(feed(text), text));
      draft.ids.push_back(sampler_.draw(draft.distributions.back()));
      text.push_back(draft.ids.back());
    }
    return draft;
  }

 private:
  // Keeps of the cache what it has in common with the text, short of its last token.
  void go_back_to(std::span<const int32_t> history, int64_t most) {
    const auto common =
        std::mismatch(fed_.begin(), fed_.end(), history.begin(), history.end() - 1).first - fed_.begin();
    if (cache_ && cache_->least_length() <= common && most <= rollback_) {
      cache_->truncate(common);
      fed_.resize(static_cast<size_t>(common));
      return;
    }
    KvOptions options = decoder_.kv_options();
    rollback_ = std::max(rollback_, most);
    options.rollback = rollback_ + 1;
    cache_ = decoder_.new_cache(options);
    fed_.clear();
  }

  // The logits behind the text.
  std::vector<float> feed(const std::vector<int32_t>& text) {
    constexpr size_t chunk = 512;
    std::vector<float> logits;
    while (fed_.size() < text.size()) {
      const size_t count = std::min(chunk, text.size() - fed_.size());
      const Decoder::Input input{.tokens = std::span(text).subspan(fed_.size(), count),
                                 .cache = cache_.get()};
      logits = decoder_.forward({&input, 1});
      fed_.insert(fed_.end(), input.tokens.begin(), input.tokens.end());
    }
    return logits;
  }

  Decoder& decoder_;
  Sampler sampler_;
  int64_t rollback_ = 0;
  std::unique_ptr<KvCache> cache_;
  std::vector<int32_t> fed_;  // what the cache holds
};

class NgramDrafter final : public Drafter {
 public:
  NgramDrafter(int64_t longest, int64_t shortest) : longest_(longest), shortest_(shortest) {}

  Draft propose(std::span<const int32_t> history, int64_t most) override {
    const auto length = static_cast<int64_t>(history.size());
    // The end of the best earlier match: the longest, of equal ones the last.
    int64_t best = 0, behind = 0;
    for (int64_t end = length - 1; end >= shortest_ && best < longest_; --end) {
      int64_t same = 0;
      while (same < longest_ && same < end &&
             history[static_cast<size_t>(end - 1 - same)] == history[static_cast<size_t>(length - 1 - same)])
        ++same;
      if (same >= shortest_ && same > best) {
        best = same;
        behind = end;
      }
    }
    Draft draft;
    for (int64_t i = behind; best > 0 && i < std::min(length, behind + most); ++i) {
      draft.ids.push_back(history[static_cast<size_t>(i)]);
      draft.distributions.push_back({{draft.ids.back(), 1}});
    }
    return draft;
  }

 private:
  int64_t longest_, shortest_;
};

}  // namespace

std::unique_ptr<Drafter> make_model_drafter(Decoder& decoder, const SamplerOptions& sampler) {
  return std::make_unique<ModelDrafter>(decoder, sampler);
}

std::unique_ptr<Drafter> make_ngram_drafter(int64_t longest, int64_t shortest) {
  return std::make_unique<NgramDrafter>(longest, shortest);
}

void require_same_vocabulary(const ModelSpec& target, const ModelSpec& draft, const std::string& where) {
  require_next_token_model(draft, where);
  if (draft.vocabulary != target.vocabulary)
    throw Error({.where = where,
                 .found = fmt::format("a vocabulary of {} tokens", draft.vocabulary),
                 .expected = fmt::format("the model's own, of {}", target.vocabulary),
                 .advice = "a draft model has to have the same tokenizer"});
}

}  // namespace coppice
