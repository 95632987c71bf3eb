#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coppice {

// A size as Hugging Face writes that of shards: a number and B, KB, MB, GB, TB (powers of 1000) or KiB, MiB,
// GiB, TiB (powers of 1024), as in 5GB or 1.5MiB; from 1 byte to 2^62. Anything else is an Error of usage at
// `where`.
int64_t parse_byte_size(std::string_view text, const std::string& where);

}  // namespace coppice
