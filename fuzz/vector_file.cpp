// Files of vectors of any bytes: refused with an Error, or every vector read. The first byte says which kind of file it
// is, the second how many bytes of the rest are the ids and the lengths beside it.

#include "format/vector_file.h"

#include <cstddef>
#include <cstdint>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  if (size < 2) return 0;
  static constexpr const char* extensions[] = {".npy", ".fvecs", ".safetensors", ".jsonl"};
  const char* extension = extensions[(data[0] / 2) % 4];
  const VectorsOf of = data[0] % 2 == 0 ? VectorsOf::texts : VectorsOf::tokens;
  const auto rest = std::as_bytes(std::span(data + 2, size - 2));
  const size_t beside = std::min<size_t>(data[1], rest.size());
  const auto first = rest.first(beside);
  const std::string_view ids(reinterpret_cast<const char*>(first.data()), first.size());
  try {
    const auto file = VectorFile::parse(
        {.extension = extension, .bytes = rest.subspan(beside), .ids = ids, .lengths = rest.subspan(beside)},
        of, "input");
    size_t vectors = 0;
    for (const auto& id : file.ids())
      if (file.dim() > 0) vectors += file.find(id)->size() / static_cast<size_t>(file.dim());
    COPPICE_CHECK(vectors == file.vectors());
  } catch (const Error&) {
  }
  return 0;
}
