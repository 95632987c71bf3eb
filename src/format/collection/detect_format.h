#pragma once
// The format of a file, from its name and its first bytes.

#include <filesystem>
#include <string_view>

#include "format/collection/collection.h"

namespace coppice {

// `automatic` where the name says nothing.
CollectionFormat format_by_name(const std::filesystem::path& path);
// From the first bytes, unpacked: jsonl, trec, smart, html, or automatic.
CollectionFormat format_by_content(std::string_view begin);

// Whether a file of this format is one document.
bool is_whole_file(CollectionFormat format);

// Some of the first bytes, unpacked; empty where a file cannot be read.
std::string first_bytes(const std::filesystem::path& path);

}  // namespace coppice
