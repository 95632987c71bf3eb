#pragma once
// coppice run --chat.

#include <string>
#include <vector>

#include "cli/run_options.h"
#include "model/generate.h"

namespace coppice {

// Answers one message, or those that a user types at the terminal one by one.
int run_chat(const RunOptions& options);

// What `run --json` prints of a generation.
Json generation_json(const std::vector<int32_t>& prompt, const Generation& result, const std::string& text);

}  // namespace coppice
