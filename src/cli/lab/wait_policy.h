#pragma once

namespace coppice {

// libtorch's threads spin between parallel loops by default, and take the cores from everybody else who has
// work. The OpenMP runtime reads its wait policy once, when it is loaded, so this sets it and starts the
// program again unless the user has chosen one.
void use_passive_waiting(char** argv);

}  // namespace coppice
