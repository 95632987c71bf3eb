#pragma once
// Parallel loops on one pool of threads. Work is split into contiguous ranges whose bounds depend only on the loop,
// never on timing, so that results do not depend on the number of threads as long as iterations are independent.

#include <cstdint>
#include <functional>

namespace coppice {

// Number of threads that loops use: set_threads, else COPPICE_THREADS, else the cores this process may run on.
int thread_count();
void set_threads(int count);

// Calls body(begin, end) over disjoint ranges covering [0, count), each at least `grain` long except the last.
// An exception thrown by a body is rethrown here. Loops started inside a body run on the calling thread.
void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace coppice
