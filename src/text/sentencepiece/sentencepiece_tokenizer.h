#pragma once
// tokenizer.model: SentencePiece models (Kudo and Richardson 2018) of the types unigram and BPE, with the ids
// that SentencePiece itself gives.

#include <memory>
#include <string>
#include <string_view>

#include "text/sentencepiece/model.h"
#include "text/tokenizer.h"

namespace coppice {

// What a model's tokenizer_config.json says about tokens around a text.
struct SentencePieceOptions {
  bool add_bos = true;   // put <s> before every text, if the model has one
  bool add_eos = false;  // put </s> behind every text
};

// `bytes`: the content of a tokenizer.model. Control tokens (<s>, </s>) and <unk> written inside a text are
// recognised, and each stretch of text between them is encoded by itself, as Hugging Face's Llama tokenizer
// does.
std::unique_ptr<Tokenizer> read_sentencepiece_tokenizer(std::string_view bytes,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where);

// The same of a model whose pieces were checked.
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(SentencePieceModel model,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where);

}  // namespace coppice
