// A GGUF file of any bytes: refused with an Error, or read whole: its tensors, its tokenizer and, if it is
// one, its model.

#include "format/gguf.h"

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "model/gguf/architectures.h"
#include "model/gguf/gguf_model.h"
#include "text/gguf/gguf_tokenizer.h"

namespace {

using namespace coppice;

void check_tensors(const GgufContent& content, std::span<const std::byte> bytes) {
  size_t sum = 0;
  for (const auto& tensor : content.tensors) {
    COPPICE_CHECK(tensor.bytes.data() >= bytes.data() &&
                  tensor.bytes.data() + tensor.bytes.size() <= bytes.data() + bytes.size());
    sum += tensor.bytes.size();
    if (can_dequantize(tensor.type))
      COPPICE_CHECK(dequantize(tensor.type, tensor.bytes, "input").size() ==
                    static_cast<size_t>(tensor.count()));
  }
  COPPICE_CHECK(sum <= bytes.size());
}

void use_tokenizer(const GgufMetadata& metadata) {
  try {
    const auto tokenizer = read_gguf_tokenizer(metadata);
    const auto ids = tokenizer->encode("Hello, wörld  12 <s>\n\xFF");
    tokenizer->decode(ids);
    tokenizer->decode(ids, false);
  } catch (const Error&) {
  }
}

void use_model(const GgufContent& content) {
  const ModelSpec spec = spec_from_gguf(content);
  const auto bindings = bind_gguf_tensors(content, spec);
  const bool interleaved = gguf_architecture(content.metadata).interleaved_rope;
  for (const auto& [name, binding] : bindings) {
    const TensorView view = read_gguf_tensor(binding, spec, interleaved, "input");
    COPPICE_CHECK(view.shape == binding.wanted.shape);
    COPPICE_CHECK(view.to_floats().size() == static_cast<size_t>(view.count()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const GgufContent content = parse_gguf(bytes, "input");
    check_tensors(content, bytes);
    use_tokenizer(content.metadata);
    use_model(content);
  } catch (const Error&) {
  }
  return 0;
}
