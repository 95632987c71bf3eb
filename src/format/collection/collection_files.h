#pragma once
// The files of a collection and the format of each.

#include <filesystem>
#include <vector>

#include "format/collection/collection.h"

namespace coppice {

struct CollectionFile {
  std::filesystem::path path;
  CollectionFormat format;
  std::string id;         // of the document that a whole file is: its path below the source
  bool by_guess = false;  // the name looks like a man page's: only a look inside tells
};

// In the order of their names. Errors: nothing there, nothing of that format in it.
std::vector<CollectionFile> find_collection_files(const std::filesystem::path& source,
                                                  CollectionFormat format);

// The file of that name in the folder, plain or packed; empty if there is none.
std::filesystem::path find_packed(const std::filesystem::path& folder, const std::string& name);

}  // namespace coppice
