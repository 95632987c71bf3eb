#pragma once
// Feed-forward banks, dense or one of many experts, run together: every bank's hidden neurons in one parallel
// loop, then all outputs in a second one. Where weights lie in panels, the first loop leaves a panel's neurons as the
// second one multiplies them: 32 neurons are a group of the hidden tiles.

#include <span>
#include <string>
#include <vector>

#include "model/linear.h"
#include "model/pass.h"

namespace coppice {

kernels::Unit unit_of(Activation activation);

// The weights of down(act(gate x) * up x), or down(act(up x)). `down` is (model width, neurons) as stored; or
// transposed, (neurons, model width), when experts pick neurons from the bank, whose matrices then lie in rows.
struct FfnBank {
  Matrix gate, up, down;
  std::vector<float> gate_bias, up_bias, down_bias;
  bool gated = true, down_is_transposed = false;
  kernels::Unit unit = kernels::Unit::silu;

  // Whether neurons may well be exactly 0. The down projection then reads only the others of a tile of tokens, if they are
  // few.
  bool has_silent_neurons() const { return unit == kernels::Unit::relu; }

  int64_t bytes_per_neuron() const {
    return gate.row_bytes() * (gated ? 2 : 1) + down.bytes() / std::max<int64_t>(1, up.rows);
  }
};

FfnBank load_bank(WeightStore& weights, const std::string& prefix, bool gated, bool bias,
                  Activation activation, bool transpose_down = false);

// One bank, or some neurons of it, at work on some rows of the batch.
struct FfnJob {
  const FfnBank* bank = nullptr;
  std::span<const int32_t> neurons;  // of the bank; empty: all
  std::span<const int32_t> rows;     // of the batch; empty: all
  std::span<const float> weights;    // of each row's output; empty: 1

  int64_t width() const { return neurons.empty() ? bank->up.rows : static_cast<int64_t>(neurons.size()); }
  int64_t tokens(const Pass& pass) const {
    return rows.empty() ? pass.rows : static_cast<int64_t>(rows.size());
  }
};

// y[row] = sum of the jobs' outputs for that row, added in the order of the jobs; 0 for a row that no job
// has. Jobs of width 0 add nothing. With `goes_on` they are added to what y holds, so that jobs may be run in several
// calls and give the same bits as in one.
void run_ffn(const Pass& pass, std::span<const FfnJob> jobs, const float* x, float* y, bool goes_on = false);

class DenseFfn {
 public:
  DenseFfn(const DenseFfnSpec& spec, WeightStore& weights, const std::string& prefix)
      : bank_(load_bank(weights, prefix, spec.gated, spec.bias, spec.activation)) {}

  void forward(const Pass& pass, const float* x, float* y);
  // Bytes that a token reads.
  int64_t bytes(const Silence& silence) const;

 private:
  FfnBank bank_;
};

}  // namespace coppice
