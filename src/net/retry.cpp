#include "net/retry.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "base/log.h"
#include "base/progress.h"

namespace coppice {

bool is_transient(const HttpResponse& response) {
  if (!response.broken.empty()) return response.may_recover;
  return response.status == 408 || response.status == 429 ||
         (response.status >= 500 && response.status != 501);
}

Retries::Retries(const RetryPolicy& policy, std::string where)
    : policy_(policy), where_(std::move(where)), rng_(std::random_device{}()) {}

bool Retries::again(const HttpResponse& response) {
  if (!is_transient(response) || response.retry_after > policy_.longest_wait) return false;
  if (++failed_ >= policy_.attempts) return false;
  const double most = std::min(policy_.longest_pause, policy_.first_pause * std::ldexp(1.0, failed_ - 1));
  const bool told = response.broken.empty() && !response.header("retry-after").empty();
  const double pause =
      told ? static_cast<double>(std::max<int64_t>(0, response.retry_after)) : most * rng_.uniform(0.5, 1);
  log_warning("{}: {}; trying again in {} ({} of {})", where_, response.failure(), human_duration(pause),
              failed_ + 1, policy_.attempts);
  if (policy_.sleep)
    policy_.sleep(pause);
  else
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
  return true;
}

void Retries::reached(int64_t bytes) {
  if (bytes < best_ + policy_.progress) return;
  best_ = bytes;
  failed_ = 0;
}

}  // namespace coppice
