#include "cli/lab/wait_policy.h"

#include <cstdlib>

#include <unistd.h>

namespace coppice {

void use_passive_waiting(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
  ::execv("/proc/self/exe", argv);  // if this fails, work goes on, only slower
}

}  // namespace coppice
