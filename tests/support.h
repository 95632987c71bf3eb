#pragma once
// What several rooms' tests share.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace coppice::test {

// A folder that is removed when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coppice-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The folder of real data: COPPICE_DATA, else the default beside the source tree.
inline std::filesystem::path data_folder() {
  const char* set = std::getenv("COPPICE_DATA");
  return set != nullptr ? set : COPPICE_DATA_DEFAULT;
}

// The message of the Error that `action` throws; a test failure if it throws none. An exit code may be demanded.
template <class Action>
std::string error_of(Action&& action, Fault fault = Fault::input) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

}  // namespace coppice::test

// Skips the test, saying why, unless the folder `name` of the real data is there.
#define COPPICE_NEEDS_DATA(name)                                                                  \
  do {                                                                                            \
    if (!std::filesystem::exists(::coppice::test::data_folder() / (name)))                        \
      GTEST_SKIP() << "real data '" << (name) << "' is not in " << ::coppice::test::data_folder() \
                   << "; set COPPICE_DATA to the folder that has it";                             \
  } while (false)
