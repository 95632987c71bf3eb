#pragma once
// Advice to the system about mapped bytes of a file. Only pages that lie within them as a whole are meant.

#include <cstddef>
#include <span>

namespace coppice {

// Asks the system to read them before they are looked at.
void read_ahead(std::span<const std::byte> mapped);

// Gives their memory back to the system, which reads them from the file again for who looks again.
void release_pages(std::span<const std::byte> mapped);

}  // namespace coppice
