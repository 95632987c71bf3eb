#pragma once
// The measures that words of a command line mean, in trec_eval's spelling (`map`, `P.5,10`, `official`, `ndcg_cut_10`) or in
// that of ir_measures (`nDCG@10`).

#include <span>
#include <string>
#include <vector>

#include "measure/trec/evaluate.h"

namespace coppice {

// As in trec_eval, each of its measures comes once, in its own order, and the first parameters given count; measures in
// the other spelling follow in the order given. An unknown name is a usage Error with the nearest known one.
std::vector<MeasureRequest> parse_measures(std::span<const std::string> words);

}  // namespace coppice
