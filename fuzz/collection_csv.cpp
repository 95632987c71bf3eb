// Tables with quotes of any bytes.

#include "collection_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read_any_collection(data, size, coppice::CollectionFormat::csv);
  read_any_strictly(data, size, coppice::CollectionFormat::csv);
  return 0;
}
