#pragma once
// The only two ways in which Coppice fails.
//
// `Error` is the caller's or the data's fault. It says where, what was found, what was expected and what to do; the
// command line prints it as one line and exits with `exit_code()`, a server would answer 4xx. `COPPICE_CHECK` states
// what our own code guarantees; a failed check is our bug and throws `InternalError`. Nothing aborts on user data.

#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace coppice {

enum class Fault {
  usage = 2,     // the command line or an option is wrong
  input = 3,     // a file or its content is wrong
  resource = 4,  // memory, disk or another resource ran out
};

// The parts of an error message; empty parts are left out of it.
struct Complaint {
  std::string where;     // file, option or tensor
  std::string found;     // what is there
  std::string expected;  // what should be there
  std::string advice;    // what to do or to type next
};

// Advice where bytes are missing or senseless in a file that people copy or download whole.
inline constexpr const char* perhaps_incomplete = "perhaps an incomplete copy or download";

class Error : public std::runtime_error {
 public:
  explicit Error(const Complaint& complaint, Fault fault = Fault::input);
  Fault fault() const { return fault_; }
  int exit_code() const { return static_cast<int>(fault_); }

 private:
  Fault fault_;
};

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line, std::string_view detail);

// An Error for a failed system call on `path`, from errno; a full disk is a resource fault.
Error system_error(std::string_view action, std::string_view path);

}  // namespace coppice

#define COPPICE_CHECK(condition, ...)                                                                    \
  do {                                                                                                   \
    if (!(condition)) ::coppice::check_failed(#condition, __FILE__, __LINE__, std::string(__VA_ARGS__)); \
  } while (false)
