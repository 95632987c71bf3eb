#include "model/page_pool.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/progress.h"

namespace coppice {

struct PagePool::Shelf {
  ~Shelf() { clear(); }

  void clear() {
    for (auto& [bytes, pages] : free)
      for (std::byte* page : pages) std::free(page);
    free.clear();
    kept = 0;
  }

  std::mutex mutex;
  std::map<int64_t, std::vector<std::byte*>> free;  // by size
  int64_t lent = 0, kept = 0;                       // bytes; kept: on the shelf
};

PagePool::PagePool(int64_t most_bytes) : most_(most_bytes), shelf_(std::make_shared<Shelf>()) {}

PagePool::Page PagePool::take(int64_t bytes) {
  constexpr size_t alignment = 64;
  const size_t size = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
  std::byte* memory = nullptr;
  {
    const std::lock_guard lock(shelf_->mutex);
    if (most_ > 0 && shelf_->lent + bytes > most_)
      throw Error({.where = "cache",
                   .found = fmt::format("{} of {} in use", human_bytes(static_cast<double>(shelf_->lent)),
                                        human_bytes(static_cast<double>(most_))),
                   .expected = fmt::format("{} more", human_bytes(static_cast<double>(bytes))),
                   .advice = "give the cache more memory, or use shorter sequences"},
                  Fault::resource);
    if (auto pages = shelf_->free.find(bytes); pages != shelf_->free.end() && !pages->second.empty()) {
      memory = pages->second.back();
      pages->second.pop_back();
      shelf_->kept -= bytes;
    } else if (most_ > 0 && shelf_->lent + shelf_->kept + bytes > most_) {
      shelf_->clear();  // pages of other sizes
    }
    shelf_->lent += bytes;
  }
  if (memory == nullptr) memory = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
  if (memory == nullptr) {
    const std::lock_guard lock(shelf_->mutex);
    shelf_->lent -= bytes;
    throw std::bad_alloc();
  }
  std::memset(memory, 0, size);
  return {memory, [shelf = shelf_, bytes](std::byte* page) {
            const std::lock_guard lock(shelf->mutex);
            shelf->free[bytes].push_back(page);
            shelf->lent -= bytes;
            shelf->kept += bytes;
          }};
}

PagePool::Page PagePool::copy(const Page& page, int64_t bytes, int64_t used) {
  Page fresh = take(bytes);
  if (used > 0) std::memcpy(fresh.get(), page.get(), static_cast<size_t>(used));
  return fresh;
}

int64_t PagePool::lent() const {
  const std::lock_guard lock(shelf_->mutex);
  return shelf_->lent;
}

}  // namespace coppice
