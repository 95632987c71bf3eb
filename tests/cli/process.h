#pragma once
// Runs the built programs as a user would.

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/wait.h>

#include "base/file.h"
#include "support.h"

namespace coppice::test {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

inline std::filesystem::path coppice_program() {
  return std::filesystem::path(COPPICE_BUILD) / "src/cli/coppice";
}

inline std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Runs `coppice` with these words; `before` is shell text in front of it ("COPPICE_THREADS=1", "ulimit -f 8;").
inline Outcome run_coppice(const std::vector<std::string>& words, const std::string& before = "") {
  const TemporaryFolder folder;
  std::string command = before + " " + shell_quoted(coppice_program().string());
  for (const auto& word : words) command += " " + shell_quoted(word);
  command += " >" + shell_quoted((folder / "out").string()) + " 2>" +
             shell_quoted((folder / "err").string()) + " </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder / "out"), read_file(folder / "err")};
}

}  // namespace coppice::test
