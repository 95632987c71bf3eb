#pragma once
// tokenizer.model, spiece.model: SentencePiece models (Kudo and Richardson 2018) of the types unigram and BPE, with the ids that
// SentencePiece itself gives.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/added_tokens.h"
#include "text/sentencepiece/model.h"
#include "text/tokenizer.h"

namespace coppice {

// What is around a model: it follows from the model's tokenizer class and tokenizer_config.json.
struct SentencePieceOptions {
  bool add_bos = true;                    // put <s> before every text, if the model has one
  bool add_eos = false;                   // put </s> behind every text
  bool cls_and_sep = false;               // <s> A </s>, <s> A </s></s> B </s> instead
  int32_t second_type = 1;                // segment number of the second text of a pair
  std::vector<std::string> first_tokens;  // these have the first ids, the other pieces follow in their order
  std::vector<std::string> last_tokens;   // these have ids behind the pieces
  std::vector<AddedToken> added_tokens;   // pieces, or in the order of their ids behind them without gaps
};

// The options for the model file `name` of a directory.
SentencePieceOptions read_sentencepiece_options(const std::filesystem::path& model_directory,
                                                const std::string& name);

// `bytes`: the content of a tokenizer.model. Control tokens (<s>, </s>) and <unk> written inside a text are
// recognised, and each stretch of text between them is encoded by itself, as Hugging Face's Llama tokenizer
// does.
std::unique_ptr<Tokenizer> read_sentencepiece_tokenizer(std::string_view bytes,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where);

// A model's pieces with the ids that the options ask for.
SentencePieceModel arrange_pieces(SentencePieceModel model, const SentencePieceOptions& options,
                                  const std::string& where);

// The same of a model whose pieces were checked.
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(SentencePieceModel model,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where);

}  // namespace coppice
