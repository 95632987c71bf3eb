// A CIFF file of any bytes: refused with an Error, or lists and documents that keep what the reader promises.

#include "format/ciff.h"

#include <cstddef>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  static const int descriptor = ::memfd_create("ciff", 0);
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, data, size, 0) != static_cast<ssize_t>(size))
    return 0;
  try {
    CiffReader reader("/proc/self/fd/" + std::to_string(descriptor));
    for (CiffList list; reader.next(list);) {
      COPPICE_CHECK(!list.documents.empty() && list.documents.size() == list.frequencies.size());
      for (size_t i = 0; i < list.documents.size(); ++i)
        COPPICE_CHECK(list.frequencies[i] > 0 && list.documents[i] < reader.header().documents &&
                      (i == 0 || list.documents[i - 1] < list.documents[i]));
    }
    for (CiffDocument document; reader.next(document);)
      COPPICE_CHECK(document.number < reader.header().documents && document.length >= 0);
  } catch (const Error&) {
  }
  return 0;
}
