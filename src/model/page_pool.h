#pragma once
// Memory of caches, lent in pages that sequences may share. A page goes back when its last holder drops it, and the pool
// keeps it for the next one of that size.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace coppice {

class PagePool {
 public:
  using Page = std::shared_ptr<std::byte>;

  // At most `most_bytes` are lent; 0: no limit.
  explicit PagePool(int64_t most_bytes = 0);

  // `bytes` zeros, aligned to 64. More than are free is an Error.
  Page take(int64_t bytes);
  // The same contents in a page of `bytes`, of which the first `used` are copied.
  Page copy(const Page& page, int64_t bytes, int64_t used);

  int64_t lent() const;
  int64_t most() const { return most_; }

 private:
  struct Shelf;  // outlives the pool while pages are lent
  int64_t most_;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace coppice
