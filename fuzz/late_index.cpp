// A file of token vectors of a segment of any bytes: refused with an Error, or searched, exactly and in stages, without a
// document that is not there.

#include "index/late/late_index.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  const std::unique_ptr<void, decltype(&std::free)> aligned(std::aligned_alloc(64, (size / 64 + 1) * 64),
                                                            std::free);
  std::memcpy(aligned.get(), data, size);
  try {
    const auto index = LateIndex::parse({static_cast<const std::byte*>(aligned.get()), size}, "input");
    if (index.documents() > 100000) return 0;
    const std::vector<float> query(2 * static_cast<size_t>(index.dim()), 0.5f);
    for (const bool exact : {false, true})
      for (const auto& found :
           index.search({query, index.dim()}, 3, nullptr, {.exact = exact, .candidates = 4})) {
        COPPICE_CHECK(found.doc < index.documents());
        index.explain(found.doc, {query, index.dim()});
      }
    index.documents_near(std::span(query).first(static_cast<size_t>(index.dim())));
    index.verify();
  } catch (const Error&) {
  }
  return 0;
}
