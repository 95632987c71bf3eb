// Packed lines of any bytes: the same read as a gzip or zstd file and unpacked.

#include "collection_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read_any_collection(data, size, coppice::CollectionFormat::lines);
  read_any_strictly(data, size, coppice::CollectionFormat::lines);
  read_any_strictly(data, size, coppice::CollectionFormat::automatic);
  return 0;
}
