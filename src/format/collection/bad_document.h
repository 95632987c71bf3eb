#pragma once

#include "base/error.h"

namespace coppice {

// The Error of a document, or of a whole file of a collection, that would be left out with skip_bad.
class BadDocument : public Error {
 public:
  explicit BadDocument(const Error& error) : Error(error) {}
};

}  // namespace coppice
