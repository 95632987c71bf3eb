// UnicodeScripts: cut where the script changes (Unicode Standard Annex 24), as SentencePiece's trainer does.
// Hiragana, Katakana and the prolonged sound mark count as Han, a space as whatever is beside it.
// What has no script at the start of a text is dropped, as Hugging Face does.

#include "text/pretokenize/pre_tokenizer.h"
#include "text/unicode_script.h"

namespace coppice {
namespace {

constexpr int any_script = -1;

class ScriptsPreTokenizer : public PreTokenizer {
 public:
  ScriptsPreTokenizer()
      : han_(unicode_script(U'漢')), hiragana_(unicode_script(U'あ')), katakana_(unicode_script(U'ア')) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    std::vector<TextRange> words;
    int last = any_script;
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const int script = script_of(next_character(piece.text, at));
      if (script != any_script && script != last) words.push_back({begin, at});
      if (!words.empty()) words.back().end = at;
      if (script != any_script) last = script;
    }
    append_ranges(piece, words, parts);
  }

 private:
  int script_of(char32_t c) const {
    if (c == ' ') return any_script;
    if (c == 0x30FC) return han_;
    const int script = unicode_script(c);
    return script == hiragana_ || script == katakana_ ? han_ : script;
  }

  int han_, hiragana_, katakana_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_scripts_pre_tokenizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<ScriptsPreTokenizer>();
}

}  // namespace coppice
