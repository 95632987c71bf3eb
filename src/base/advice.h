#pragma once
// What an Error advises depends on where a file comes from, which is known to those that open it.

#include "base/json.h"

namespace coppice {

// Where bytes are missing or senseless in a file that people copy or download whole.
inline constexpr const char* perhaps_incomplete = "perhaps an incomplete copy or download";

// As in base/json.h, with advice for what is not JSON at all.
Json parse_json(std::string_view text, const std::string& where, const char* advice);
Json read_json_file(const std::filesystem::path& path, const char* advice);
nlohmann::json parse_large_json(std::string_view text, const std::string& where, const char* advice);

}  // namespace coppice
