#pragma once
// Whether an analyzer is made for the script in which texts are written.

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/analysis/analyzer.h"

namespace coppice {

// Letters of texts, counted by script.
class ScriptCensus {
 public:
  // Looks at the begin of the text only.
  void add(std::string_view text);

  int64_t letters() const { return letters_; }
  // Scripts and their shares of all letters, the largest first.
  std::vector<std::pair<std::string, double>> shares() const;
  double share_of(std::string_view script) const;

 private:
  std::vector<int64_t> by_script_;
  int64_t letters_ = 0;
};

// One sentence if most letters are of scripts that the analyzer is not made for, with one that is; empty if all is well
// or there is too little text to say.
std::string script_misfit(const AnalyzerSpec& analyzer, const ScriptCensus& census);

}  // namespace coppice
