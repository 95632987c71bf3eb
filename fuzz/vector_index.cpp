// A file of vectors of a segment of any bytes: refused with an Error, or searched by its method, with and without a
// filter, without a document that is not there.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "index/vector/vectors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  const std::unique_ptr<void, decltype(&std::free)> aligned(std::aligned_alloc(64, (size / 64 + 1) * 64),
                                                            std::free);
  std::memcpy(aligned.get(), data, size);
  try {
    const auto index = VectorIndex::parse({static_cast<const std::byte*>(aligned.get()), size}, "input");
    if (index.documents() > 100000) return 0;
    std::vector<float> query(static_cast<size_t>(index.dim()), 0.5f);
    DocSet half(index.documents());
    for (size_t doc = 0; doc < index.documents(); doc += 2) half.insert(static_cast<DocOrdinal>(doc));
    for (const DocSet* allowed : {static_cast<const DocSet*>(nullptr), static_cast<const DocSet*>(&half)})
      for (const bool exact : {false, true})
        for (const auto& found :
             index.search(query, 3, allowed, {.exact = exact, .ef_search = 1, .probes = 1, .refine = 1}))
          COPPICE_CHECK(found.doc < index.documents() &&
                        (allowed == nullptr || allowed->contains(found.doc)));
    index.verify();
  } catch (const Error&) {
  }
  return 0;
}
