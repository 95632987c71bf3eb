// ByteLevel as a normalizer: the text's bytes are spelled in the byte alphabet.

#include "text/byte_alphabet.h"
#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

class ByteLevelNormalizer : public Normalizer {
 public:
  void apply(Rewrite& rewrite) const override { spell_bytes(rewrite); }
  bool keeps_bytes() const override { return true; }
};

}  // namespace

std::unique_ptr<Normalizer> make_byte_level_normalizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<ByteLevelNormalizer>();
}

}  // namespace coppice
