#pragma once

#include "cli/verb.h"

namespace coppice {

struct DoctorOptions {
  CommonOptions common;

  static void fields(auto& self, auto&& field) { CommonOptions::fields(self.common, field); }
};

inline const VerbInfo doctor_verb = {
    "doctor", "tell what this machine offers and what of Coppice is installed", "coppice doctor"};

int run_doctor(const DoctorOptions& options);

}  // namespace coppice
