#pragma once
// Measures as ir_measures spells them: `nDCG@10`, `AP(rel=2)@100`, `RBP(p=0.8)`.

#include <string>
#include <vector>

#include "measure/trec/evaluate.h"

namespace coppice {

// Whether the text is spelt so: a known name, alone or followed by ( or @.
bool is_ir_measure(const std::string& text);

// The measure that the text means. Its one value bears the text as its name. Unknown names and parameters are usage
// Errors.
MeasureRequest parse_ir_measure(const std::string& text);

std::vector<std::string> ir_measure_names();

}  // namespace coppice
