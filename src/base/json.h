#pragma once
// JSON in and out. Input is bounded: depth is limited, duplicate keys and bytes that are not UTF-8 are errors.

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace coppice {

using Json = nlohmann::ordered_json;

inline constexpr int max_json_depth = 64;

// Parses one JSON document. Errors name `where` and the byte at which parsing stopped; what they advise where it is not JSON
// at all depends on where a file comes from, which is known to those that open it.
Json parse_json(std::string_view text, const std::string& where, const char* advice = "");
Json read_json_file(const std::filesystem::path& path, const char* advice = "");

// The same for documents of very many keys: sorted by key, where Json's look-up by key is linear.
nlohmann::json parse_large_json(std::string_view text, const std::string& where, const char* advice = "");

// The document on one line, or indented by two with a final newline. Bytes that are not UTF-8 become U+FFFD.
std::string to_line(const Json& json);
std::string to_text(const Json& json);

// The same content as YAML, for files that people read and edit.
std::string to_yaml(const Json& json);

}  // namespace coppice
