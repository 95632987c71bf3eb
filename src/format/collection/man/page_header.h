#pragma once
// What the first macro of a man page says about it.

#include <string>

namespace coppice::man {

struct PageHeader {
  std::string name, section, date;
};

}  // namespace coppice::man
