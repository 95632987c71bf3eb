#include "model/ffn.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>

#include "model/panel_reader.h"

namespace coppice {

kernels::Unit unit_of(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return kernels::Unit::silu;
    case Activation::gelu:
      return kernels::Unit::gelu;
    case Activation::gelu_tanh:
      return kernels::Unit::gelu_tanh;
    case Activation::relu:
      return kernels::Unit::relu;
    case Activation::tanh:
      return kernels::Unit::tanh;
  }
  COPPICE_CHECK(false, "every activation has a kernel");
}

FfnBank load_bank(WeightStore& weights, const std::string& prefix, bool gated, bool bias,
                  Activation activation, bool transpose_down) {
  FfnBank bank{.gated = gated, .down_is_transposed = transpose_down, .unit = unit_of(activation)};
  const std::string down = prefix + "down_proj.weight";
  const auto load = [&](const std::string& name) {
    return transpose_down ? weights.in_rows(prefix + name) : weights.matrix(prefix + name);
  };
  if (gated) bank.gate = load("gate_proj.weight");
  bank.up = load("up_proj.weight");
  if (transpose_down)
    bank.down = weights.transposed(down);
  else
    bank.down = bank.has_silent_neurons() ? weights.matrix_of_neurons(down) : weights.matrix(down);
  if (bias) {
    if (gated) bank.gate_bias = weights.vector(prefix + "gate_proj.bias");
    bank.up_bias = weights.vector(prefix + "up_proj.bias");
    bank.down_bias = weights.vector(prefix + "down_proj.bias");
  }
  return bank;
}

namespace {

constexpr int64_t panel_rows = kernels::panel_rows;

bool in_panels(const FfnJob& job) {
  return job.bank->up.form == MatrixForm::panels;
}

// Hidden neurons [begin, end) of a job in rows for all its tokens; `hidden` has job.width() floats per token.
void hidden_of_rows(const Pass& pass, const FfnJob& job, int64_t begin, int64_t end, const float* x,
                    float* hidden) {
  const FfnBank& bank = *job.bank;
  const int64_t tokens = job.tokens(pass), width = job.width(), count = end - begin;
  const auto project = [&](const Matrix& w, const std::vector<float>& bias, float* y, int64_t stride) {
    const bool gathered = !job.neurons.empty();
    pass.kernels.product({.x = x,
                          .x_stride = pass.width,
                          .x_rows = job.rows.empty() ? nullptr : job.rows.data(),
                          .tokens = tokens,
                          .w = static_cast<const std::byte*>(w.data) + (gathered ? 0 : begin * w.row_bytes()),
                          .element = w.element,
                          .w_rows = gathered ? job.neurons.data() + begin : nullptr,
                          .rows = count,
                          .in = w.columns,
                          .y = y,
                          .y_stride = stride});
    add_bias(pass.kernels, bias, begin, count, tokens, y, stride);
  };
  float* out = hidden + begin;
  if (!bank.gated) {
    project(bank.up, bank.up_bias, out, width);
    for (int64_t t = 0; t < tokens; ++t) pass.kernels.activate(bank.unit, out + t * width, nullptr, count);
    return;
  }
  thread_local std::vector<float> up;
  up.resize(static_cast<size_t>(tokens * count));
  project(bank.gate, bank.gate_bias, out, width);
  project(bank.up, bank.up_bias, up.data(), count);
  for (int64_t t = 0; t < tokens; ++t)
    pass.kernels.activate(bank.unit, out + t * width, up.data() + t * count, count);
}

// Columns [begin, end) of the output of a job in rows for all its tokens, into `out` with `stride` floats per token.
void down_of_rows(const Pass& pass, const FfnJob& job, int64_t begin, int64_t end, const float* hidden,
                  float* out, int64_t stride) {
  const Matrix& w = job.bank->down;
  pass.kernels.combine({.h = hidden,
                        .h_stride = job.width(),
                        .tokens = job.tokens(pass),
                        .w = static_cast<const std::byte*>(w.data) + begin * (w.row_bytes() / w.columns),
                        .element = w.element,
                        .w_stride = w.columns,
                        .w_rows = job.neurons.empty() ? nullptr : job.neurons.data(),
                        .neurons = job.width(),
                        .columns = end - begin,
                        .y = out,
                        .y_stride = stride});
  add_bias(pass.kernels, job.bank->down_bias, begin, end - begin, job.tokens(pass), out, stride);
}

constexpr auto all_rows_types = std::to_array({kernels::RowsType::f32, kernels::RowsType::bf16,
                                               kernels::RowsType::int8, kernels::RowsType::f32_columns});

using PanelOutput = std::array<float, kernels::largest_tile * panel_rows>;

// Above this share of neurons it is faster to read all of them in one stream (docs/performance.md has the measurement).
constexpr double most_chosen_neurons = 0.125;

// All jobs of one call, and the tiles of those in panels.
class Run {
 public:
  Run(const Pass& pass, std::span<const FfnJob> jobs, const float* x, float* y, bool goes_on)
      : pass_(pass), jobs_(jobs), x_(x), y_(y), goes_on_(goes_on) {}

  void run();

 private:
  // Tiles of one form for all jobs that want it.
  struct Tiles {
    std::array<PackedRows, all_rows_types.size()> of_type;  // by RowsType
    const PackedRows& of(kernels::RowsType type) const { return of_type[static_cast<size_t>(type)]; }
    PackedRows& of(kernels::RowsType type) { return of_type[static_cast<size_t>(type)]; }
  };

  // Columns of y, and how they lie in what is added to them.
  struct Columns {
    int64_t begin = 0, count = 0, stride = 0;
    bool writes = false;  // they hold nothing yet
  };

  kernels::RowsType rows_type(const Matrix& w) const { return rows_for(packed_, w.panel_shape.type); }
  void arrange();
  void choose_neurons();
  void keep_hidden(size_t index, size_t tile, int64_t row, const PanelOutput& out);
  void hidden_panels(size_t index, int64_t begin, int64_t end);
  void down_panels(size_t index, int64_t begin, int64_t end, bool writes) const;
  float* output_row(const FfnJob& job, int64_t token) const;
  void add_output(const FfnJob& job, int64_t first_token, int64_t tokens, const Columns& columns,
                  const float* out) const;
  void outputs(int64_t begin, int64_t end) const;

  const Pass& pass_;
  std::span<const FfnJob> jobs_;
  const float* x_;
  float* y_;
  bool goes_on_;
  const kernels::PackedKernels& packed_ = kernels::active_packed();
  std::vector<int64_t> offsets_;  // of each job in rows in `hidden_`
  std::vector<float> hidden_;
  Tiles* inputs_ = nullptr;
  Tiles* middles_ = nullptr;
  // Of jobs that can choose, tile after tile of all of them: which neurons of each group are not 0 for every token; and
  // then their list, if it is short.
  std::vector<size_t> first_tile_;  // of each job
  std::vector<std::vector<uint32_t>> active_;
  std::vector<std::optional<std::vector<int32_t>>> chosen_;
};

// Cuts tokens into tiles, and packs the inputs.
void Run::arrange() {
  thread_local Tiles inputs, middles;  // kept for their memory
  inputs_ = &inputs;
  middles_ = &middles;
  std::array<bool, all_rows_types.size()> wants_input{}, wants_middle{};
  std::vector<std::span<const int32_t>> rows;
  for (const auto& job : jobs_) {
    rows.push_back(job.rows);
    if (!in_panels(job)) continue;
    wants_input[static_cast<size_t>(rows_type(job.bank->up))] = true;
    if (job.bank->gated) wants_input[static_cast<size_t>(rows_type(job.bank->gate))] = true;
    wants_middle[static_cast<size_t>(rows_type(job.bank->down))] = true;
  }
  std::vector<TokenList> lists(jobs_.size());
  for (const auto type : all_rows_types) {
    const auto index = static_cast<size_t>(type);
    const auto arranged = [&](PackedRows& tiles, bool middle) {
      int64_t first = -1;  // list that has tokens
      for (size_t i = 0; i < jobs_.size(); ++i) {
        const FfnJob& job = jobs_[i];
        const bool used =
            in_panels(job) && (middle ? rows_type(job.bank->down) == type
                                      : rows_type(job.bank->up) == type ||
                                            (job.bank->gated && rows_type(job.bank->gate) == type));
        lists[i] = {used ? job.tokens(pass_) : 0, middle ? job.width() : pass_.width};
        if (middle || pass_.rows != 1 || !used) continue;
        if (first < 0)
          first = static_cast<int64_t>(i);
        else
          lists[i].twin = first;  // a token that is alone is every job's
      }
      tiles.arrange(packed_, type, lists);
    };
    if (wants_middle[index]) arranged(middles.of_type[index], true);
    if (!wants_input[index]) continue;
    arranged(inputs.of_type[index], false);
    inputs.of_type[index].fill(packed_, x_, pass_.width, rows);
  }
  for (size_t i = 0; i < jobs_.size(); ++i) {
    first_tile_.push_back(active_.size());
    const Matrix& down = jobs_[i].bank->down;
    if (!down.can_choose_columns) continue;
    active_.resize(active_.size() + middles_->of(rows_type(down)).tiles(i).size(),
                   std::vector<uint32_t>(static_cast<size_t>((down.columns + panel_rows - 1) / panel_rows)));
  }
  first_tile_.push_back(active_.size());
}

// Bit r: neuron r of the panel is not 0 for all tokens.
uint32_t active_neurons(const PanelOutput& out, int64_t tokens, int64_t count) {
  uint32_t active = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t r = 0; r < count; ++r)
      active |= static_cast<uint32_t>(out[static_cast<size_t>(t * panel_rows + r)] != 0) << r;
  return active;
}

// Makes lists of the neurons that are not 0.
void Run::choose_neurons() {
  chosen_.resize(active_.size());
  for (size_t i = 0; i < jobs_.size(); ++i)
    for (size_t tile = first_tile_[i]; tile < first_tile_[i + 1]; ++tile) {
      int64_t count = 0;
      for (const uint32_t group : active_[tile]) count += std::popcount(group);
      const int64_t width = jobs_[i].width();
      Silence* silence = pass_.rows == 1 ? pass_.silence : nullptr;
      if (silence != nullptr) silence->neurons += width;
      if (static_cast<double>(count) > most_chosen_neurons * static_cast<double>(width)) continue;
      if (silence != nullptr) silence->skipped += width - count;
      auto& chosen = chosen_[tile].emplace();
      chosen.reserve(static_cast<size_t>(count));
      for (size_t group = 0; group < active_[tile].size(); ++group)
        for (uint32_t left = active_[tile][group]; left != 0; left &= left - 1)
          chosen.push_back(static_cast<int32_t>(group * panel_rows) + std::countr_zero(left));
    }
}

// Puts neurons of a panel that begins at `row` where `down` takes them from.
void Run::keep_hidden(size_t index, size_t tile, int64_t row, const PanelOutput& out) {
  const FfnJob& job = jobs_[index];
  const kernels::RowsType type = rows_type(job.bank->down);
  const Tile& to = middles_->of(type).tiles(index)[tile];
  const int64_t count = std::min(panel_rows, job.width() - row);
  std::array<const float*, kernels::largest_tile> neurons{};
  for (int64_t t = 0; t < to.tokens; ++t) neurons[static_cast<size_t>(t)] = out.data() + t * panel_rows;
  packed_.pack_rows(type, neurons.data(), to.tokens, count, to.group(row / panel_rows, type));
  if (job.bank->down.can_choose_columns)
    active_[first_tile_[index] + tile][static_cast<size_t>(row / panel_rows)] =
        active_neurons(out, to.tokens, count);
}

// Hidden neurons [begin, end) in whole panels: gate, up and unit. Where one tile holds all tokens, so that they wait for
// memory, that is read in long streams: many panels of the gate, then as many of `up`.
void Run::hidden_panels(size_t index, int64_t begin, int64_t end) {
  const FfnJob& job = jobs_[index];
  const FfnBank& bank = *job.bank;
  const kernels::RowsType middle_type = rows_type(bank.down);
  const auto middles = middles_->of(middle_type).tiles(index);
  thread_local PanelRoom gate_room, up_room;
  PanelReader up_panels(packed_, bank.up, up_room), gate_panels(packed_, bank.gate, gate_room);
  const auto tiles_for = [&](const Matrix& w) { return inputs_->of(rows_type(w)).tiles(index); };
  const auto up_tiles = tiles_for(bank.up), gate_tiles = bank.gated ? tiles_for(bank.gate) : up_tiles;
  const auto project = [&](PanelReader& panels, std::span<const Tile> tiles, size_t tile,
                           const std::vector<float>& bias, int64_t row, PanelOutput& out) {
    if (tile == 0) panels.go_to(row);
    panels.multiply(tiles, tile, out.data());
    add_bias(pass_.kernels, bias, row, std::min(panel_rows, job.width() - row), tiles[tile].tokens,
             out.data(), panel_rows);
  };
  constexpr int64_t most_panels = 16;
  alignas(64) std::array<PanelOutput, most_panels> gates;
  alignas(64) PanelOutput up;
  const int64_t stretch = panel_rows * (middles.size() == 1 ? most_panels : 1);
  for (; begin < end; begin += stretch)
    for (size_t tile = 0; tile < middles.size(); ++tile) {
      const int64_t stop = std::min(begin + stretch, end), tokens = middles[tile].tokens;
      PanelOutput* gate = gates.data();
      for (int64_t row = begin; bank.gated && row < stop; row += panel_rows)
        project(gate_panels, gate_tiles, tile, bank.gate_bias, row, *gate++);
      gate = gates.data();
      for (int64_t row = begin; row < stop; row += panel_rows) {
        ask_to_write(middles[tile].group(row / panel_rows, middle_type),
                     tokens * kernels::tile_group_bytes(middle_type));
        project(up_panels, up_tiles, tile, bank.up_bias, row, up);
        PanelOutput& out = bank.gated ? *gate++ : up;
        pass_.kernels.activate(bank.unit, out.data(), bank.gated ? up.data() : nullptr, tokens * panel_rows);
        keep_hidden(index, tile, row, out);
      }
    }
}

float* Run::output_row(const FfnJob& job, int64_t token) const {
  return y_ + (job.rows.empty() ? token : job.rows[static_cast<size_t>(token)]) * pass_.width;
}

// Adds what a job gives its tokens [first_token, first_token + tokens) to columns of y, or writes it.
void Run::add_output(const FfnJob& job, int64_t first_token, int64_t tokens, const Columns& columns,
                     const float* out) const {
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t token = first_token + t;
    float* y = output_row(job, token) + columns.begin;
    const float* from = out + t * columns.stride;
    if (columns.writes)
      std::copy_n(from, columns.count, y);
    else
      pass_.kernels.add(y, from, job.weights.empty() ? 1.0f : job.weights[static_cast<size_t>(token)],
                        columns.count);
  }
}

void Run::down_panels(size_t index, int64_t begin, int64_t end, bool writes) const {
  const FfnJob& job = jobs_[index];
  const Matrix& w = job.bank->down;
  const auto tiles = middles_->of(rows_type(w)).tiles(index);
  alignas(64) PanelOutput out;
  thread_local PanelRoom room;
  PanelReader panels(packed_, w, room);
  for (int64_t row = begin; row < end; row += panel_rows) {
    const int64_t count = std::min(panel_rows, w.rows - row);
    panels.go_to(row);
    for (size_t i = 0; i < tiles.size(); ++i) {
      const Tile& tile = tiles[i];
      for (int64_t t = 0; t < tile.tokens; ++t)
        ask_to_write(output_row(job, tile.first + t) + row, count * int64_t{sizeof(float)});
      const auto* chosen = w.can_choose_columns ? &chosen_[first_tile_[index] + i] : nullptr;
      if (chosen != nullptr && *chosen)
        panels.multiply_columns(**chosen, tile, out.data());
      else
        panels.multiply(tiles, i, out.data());
      add_bias(pass_.kernels, job.bank->down_bias, row, count, tile.tokens, out.data(), panel_rows);
      add_output(job, tile.first, tile.tokens, {row, count, panel_rows, writes}, out.data());
    }
  }
}

// Columns [begin, end) of y: every job's output, in order.
void Run::outputs(int64_t begin, int64_t end) const {
  thread_local std::vector<float> part;
  bool written = goes_on_;
  for (size_t i = 0; i < jobs_.size(); ++i) {
    const FfnJob& job = jobs_[i];
    if (job.width() == 0) continue;
    const bool writes = !written && job.rows.empty() && job.weights.empty();
    if (!written && !writes)
      for (int64_t row = 0; row < pass_.rows; ++row)
        std::fill_n(y_ + row * pass_.width + begin, end - begin, 0.0f);
    written = true;
    if (in_panels(job)) {
      down_panels(i, begin, end, writes);
      continue;
    }
    const int64_t tokens = job.tokens(pass_);
    part.resize(static_cast<size_t>(tokens * (end - begin)));
    down_of_rows(pass_, job, begin, end, hidden_.data() + offsets_[i], part.data(), end - begin);
    add_output(job, 0, tokens, {begin, end - begin, end - begin, writes}, part.data());
  }
}

void Run::run() {
  std::vector<JobSize> sizes;
  int64_t in_rows = 0, work = 0;
  for (const auto& job : jobs_) {
    const int64_t neurons = job.width() * job.tokens(pass_);
    sizes.push_back({job.width(), pass_.width * job.tokens(pass_) * (job.bank->gated ? 2 : 1)});
    offsets_.push_back(in_rows);
    if (!in_panels(job)) in_rows += neurons;
    work += neurons;
  }
  if (work == 0 && !goes_on_) std::fill_n(y_, pass_.rows * pass_.width, 0.0f);
  if (jobs_.empty()) return;
  hidden_.resize(static_cast<size_t>(in_rows));
  arrange();
  run_in_tasks(sizes, [&](const RowTask& task) {
    const auto i = static_cast<size_t>(task.job);
    if (in_panels(jobs_[i]))
      hidden_panels(i, task.begin, task.end);
    else
      for (int64_t row = task.begin; row < task.end; row += panel_rows)
        hidden_of_rows(pass_, jobs_[i], row, std::min(row + panel_rows, task.end), x_,
                       hidden_.data() + offsets_[i]);
  });
  choose_neurons();
  const JobSize output[] = {{pass_.width, work}};
  // Every matrix in as long a stretch as leaves the outputs near until the next one adds to them.
  constexpr int64_t near_floats = 1 << 14;
  const int64_t rows = std::max<int64_t>(1, pass_.rows),
                step = std::max<int64_t>(1, near_floats / rows / panel_rows) * panel_rows;
  run_in_tasks(output, [&](const RowTask& task) {
    for (int64_t column = task.begin; column < task.end; column += step)
      outputs(column, std::min(column + step, task.end));
  });
}

}  // namespace

void run_ffn(const Pass& pass, std::span<const FfnJob> jobs, const float* x, float* y, bool goes_on) {
  Run(pass, jobs, x, y, goes_on).run();
}

int64_t DenseFfn::bytes(const Silence& silence) const {
  const int64_t all = bank_.bytes_per_neuron() * bank_.up.rows;
  if (!bank_.down.can_choose_columns) return all;
  return all - std::llround(silence.share() * static_cast<double>(bank_.down.bytes()));
}

void DenseFfn::forward(const Pass& pass, const float* x, float* y) {
  const FfnJob jobs[] = {{.bank = &bank_}};
  run_ffn(pass, jobs, x, y);
}

}  // namespace coppice
