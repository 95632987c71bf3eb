// A hub's listing of any bytes: refused with an Error, or paths that stay inside a directory.

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "net/hub.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto listing = coppice::parse_hub_listing({reinterpret_cast<const char*>(data), size}, "input");
    COPPICE_CHECK(coppice::is_hexadecimal(listing.commit, 40));
    for (const auto& file : listing.files) {
      const std::filesystem::path path(file.path);
      COPPICE_CHECK(path.is_relative() && path.lexically_normal() == path && path.begin()->string() != "..");
      COPPICE_CHECK(file.path.find('\0') == file.path.npos);
      COPPICE_CHECK(!file.size || *file.size >= 0);
    }
    const auto selection = coppice::select_model_files(listing, "input");
    COPPICE_CHECK(selection.wanted.size() + selection.left_out.size() == listing.files.size());
    for (const auto& file : selection.wanted) COPPICE_CHECK(!file.path.ends_with(".bin"));
  } catch (const coppice::Error&) {
  }
  return 0;
}
