#include "base/mapped_pages.h"

#include <bit>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace coppice {
namespace {

void advise(std::span<const std::byte> mapped, int advice) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (std::bit_cast<uintptr_t>(mapped.data()) + page - 1) / page * page;
  const auto end = std::bit_cast<uintptr_t>(mapped.data() + mapped.size()) / page * page;
  if (begin < end) ::madvise(std::bit_cast<void*>(begin), end - begin, advice);
}

}  // namespace

void read_ahead(std::span<const std::byte> mapped) {
  advise(mapped, MADV_WILLNEED);
}

void release_pages(std::span<const std::byte> mapped) {
  advise(mapped, MADV_DONTNEED);
}

}  // namespace coppice
