#pragma once
// When to ask a server again: after a broken connection, 408, 429 and 5xx, with pauses that double and have
// some chance in them (so that many clients do not come back at once), or for as long as the server says.

#include <cstdint>
#include <functional>
#include <string>

#include "base/rng.h"
#include "net/http.h"

namespace coppice {

struct RetryPolicy {
  int attempts = 6;            // in a row that bring nothing
  double first_pause = 1;      // seconds; doubles with every attempt
  double longest_pause = 60;   // seconds
  int64_t longest_wait = 330;  // seconds that a server may ask for; the hub's limits are per five minutes
  int64_t progress = 1 << 20;  // bytes that make an attempt count as one that brought something
  std::function<void(double seconds)> sleep;  // replaced by tests; empty: really sleeps
};

bool is_transient(const HttpResponse& response);

class Retries {
 public:
  // `where` names in the log what is tried again.
  Retries(const RetryPolicy& policy, std::string where);

  // Pauses and returns true if one should ask again; false if it is of no use or has been tried often enough.
  bool again(const HttpResponse& response);
  // Tells that there are now `bytes` in all: if that is enough more than ever before, attempts count afresh.
  void reached(int64_t bytes);

 private:
  const RetryPolicy& policy_;
  std::string where_;
  int failed_ = 0;
  int64_t best_ = 0;
  Rng rng_;
};

}  // namespace coppice
