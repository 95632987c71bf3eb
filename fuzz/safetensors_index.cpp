// An index of shards of any bytes: refused with an Error, or names of plain files only.

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto shards = coppice::parse_shard_index({reinterpret_cast<const char*>(data), size}, "input");
    COPPICE_CHECK(!shards.empty());
    for (const auto& [tensor, shard] : shards) {
      const std::filesystem::path path = "folder/" + shard;
      COPPICE_CHECK(path.lexically_normal().parent_path() == "folder" && path.filename() == shard);
    }
  } catch (const coppice::Error&) {
  }
  return 0;
}
