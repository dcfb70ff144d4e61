// Experts: rows choose, are sorted by expert, and go through each expert's matrices together.
//
// Gate and up: work is handed out in pieces of one expert's rows of weights; each piece writes
// hidden values of its own. Down: in pieces of the output's columns; each goes through all experts
// in ascending order, so that a sum does not depend on timing.
#include "graph/step/experts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/step.h"
#include "kernel/experts.h"
#include "kernel/ops.h"

namespace strata::graph {
namespace {

constexpr int64_t kGroup = kernel::kGroupRows;

struct Expert {
  const kernel::Matrix &gate, &up, &down;
  const float *gate_bias, *up_bias, *down_bias;
};

Expert expert(const Step& s, int e) {
  const size_t i = 3 * static_cast<size_t>(e);
  return {s.matrices[i], s.matrices[i + 1], s.matrices[i + 2],
          s.biases[i],   s.biases[i + 1],   s.biases[i + 2]};
}

const ExpertBlock& block_of(const Step& s, const Run& run) {
  return run.graph->expert_blocks[s.node->experts];
}

struct Choices {
  const int32_t* expert;
  const float* weight;
};

// Every row's choice: by all threads together, or, for few rows, by each for itself.
Choices choose(const Step& s, Run& run, int thread) {
  const kernel::Router& router = block_of(s, run).form.router;
  ExpertThread& own = run.experts.threads[thread];
  const float* bias = s.vectors.empty() ? nullptr : s.vectors[0];
  const int64_t rows = run.rows(s.in[0].rows);
  const auto range = [&](int64_t begin, int64_t end, int32_t* expert, float* weight) {
    for (int64_t r = begin; r < end; ++r)
      kernel::route(router, s.in[1].f32 + r * s.in[1].width, bias, own.router.data(),
                    expert + r * router.n_used, weight + r * router.n_used);
  };
  if (run.privately(s.in[0].rows)) {
    range(0, rows, own.expert.data(), own.weight.data());
    return {own.expert.data(), own.weight.data()};
  }
  const auto [begin, end] = split_evenly(rows, thread, run.threads);
  range(begin, end, run.experts.expert.data(), run.experts.weight.data());
  run.pool->barrier(thread);
  return {run.experts.expert.data(), run.experts.weight.data()};
}

float shared_weight(const Step& s, const ExpertBlock& block, int64_t row) {
  return block.shared_gate ? 1 / (1 + std::exp(-s.in[2].f32[row * s.in[2].width])) : 1;
}

// Rows by expert, ascending in both; shared experts take all.
void sort_by_expert(const Step& s, const Run& run, const Choices& choices, ExpertPlan& plan) {
  const ExpertBlock& block = block_of(s, run);
  const int64_t rows = run.rows(s.in[0].rows);
  const int n_used = block.form.router.n_used, n_routed = block.form.router.n_expert;
  const int n = static_cast<int>(block.weights.size());
  std::fill_n(plan.count.begin(), n, 0);
  for (int64_t i = 0; i < rows * n_used; ++i) ++plan.count[choices.expert[i]];
  for (int e = n_routed; e < n; ++e) plan.count[e] = static_cast<int32_t>(rows);

  plan.active.clear();
  ExpertRows at;
  for (int e = 0; e < n; ++e) {
    at.expert = e;
    at.n = plan.count[e];
    plan.count[e] = at.first;   // from here on: where the expert's next row goes
    if (at.n == 0) continue;
    plan.active.push_back(at);
    const int64_t ff = expert(s, e).gate.rows;
    at.first += at.n;
    at.hidden += at.n * ff;
    at.records += static_cast<int64_t>(kernel::record_count(ff, at.n));
  }
  const auto put = [&](int e, int64_t row, float weight) {
    const int32_t i = plan.count[e]++;
    plan.row[i] = static_cast<int32_t>(row);
    plan.weight[i] = weight;
  };
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = r * n_used; i < (r + 1) * n_used; ++i)
      put(choices.expert[i], r, choices.weight[i]);
    for (int e = n_routed; e < n; ++e) put(e, r, shared_weight(s, block, r));
  }
}

// Pieces of gate and up that cost about the same: reading the weights counts as some rows.
void cut_units(const Step& s, int threads, ExpertPlan& plan) {
  constexpr int64_t kReadRows = 8, kUnitsAThread = 8;
  const auto cost = [](const ExpertRows& a) { return a.n + kReadRows; };
  int64_t total = 0;
  for (const ExpertRows& a : plan.active) total += cost(a) * expert(s, a.expert).gate.groups();
  const int64_t share = total / (kUnitsAThread * threads) + 1;
  plan.units.clear();
  for (size_t i = 0; i < plan.active.size(); ++i) {
    const ExpertRows& a = plan.active[i];
    const int64_t groups = expert(s, a.expert).gate.groups();
    const int64_t chunk = std::clamp<int64_t>(share / cost(a) / 2 * 2, 2, kExpertChunk);
    for (int64_t g = 0; g < groups; g += chunk)
      plan.units.push_back({static_cast<int>(i), g, std::min(g + chunk, groups)});
  }
}

// Some of an expert's rows as the input of a product: gathered, unless they are the whole batch.
class Input {
 public:
  Input(const Step& s, const Run& run, int thread, const ExpertPlan& plan, const ExpertRows& rows)
      : in_(s.in[0]), own_(run.experts.threads[thread]), plan_(plan), active_(rows),
        total_(run.rows(in_.rows)),
        records_(in_.private_offset >= 0 ? run.records(in_, thread) : nullptr) {}

  kernel::Activation rows(int64_t begin, int64_t n, bool quantised, bool floats) const {
    kernel::Activation x{.stride = in_.width, .tokens = static_cast<int>(n)};
    if (n == total_) {
      if (quantised) x.records = records_;
      x.f32 = in_.f32;
      return x;
    }
    const int32_t* from = plan_.row.data() + active_.first + begin;
    if (quantised && records_) {
      kernel::gather_records(records_, in_.width, total_, from, n, own_.records);
      x.records = own_.records;
    }
    if (floats || !x.records) {
      for (int64_t i = 0; i < n; ++i)
        std::memcpy(own_.rows + i * in_.width, in_.f32 + from[i] * in_.width,
                    in_.width * sizeof(float));
      x.f32 = own_.rows;
    }
    return x;
  }

 private:
  const Buffer& in_;
  const ExpertThread& own_;
  const ExpertPlan& plan_;
  const ExpertRows& active_;
  int64_t total_;
  const kernel::Record* records_;
};

bool quantised(const kernel::Matrix& m) { return kernel::info(m.type).quantised; }

void gate_and_up(const Step& s, const Run& run, const ExpertUnit& unit, int thread) {
  const ExpertForm& form = block_of(s, run).form;
  const ExpertThread& own = run.experts.threads[thread];
  const ExpertRows& a = own.plan.active[unit.active];
  const Expert e = expert(s, a.expert);
  const Input input(s, run, thread, own.plan, a);
  const bool records = quantised(e.gate) || quantised(e.up);
  const bool floats = !quantised(e.gate) || !quantised(e.up);
  const int64_t first = unit.begin * kGroup;
  const int64_t n = std::min(unit.end * kGroup, e.gate.rows) - first;
  const int64_t block = expert_row_block(s.in[0].width);
  for (int64_t begin = 0; begin < a.n; begin += block) {
    const int64_t rows = std::min(block, a.n - begin);
    kernel::Activation x = input.rows(begin, rows, records, floats);
    float *gate = own.out, *up = own.out + rows * n;
    multiply(run, e.gate, x, {.y = gate - first, .stride = n, .bias = e.gate_bias}, unit.begin,
             unit.end);
    multiply(run, e.up, x, {.y = up - first, .stride = n, .bias = e.up_bias}, unit.begin, unit.end);
    for (int64_t r = 0; r < rows; ++r) {
      float* out = run.experts.hidden + a.hidden + (begin + r) * e.gate.rows + first;
      if (form.clamp > 0)
        kernel::clamped_glu(gate + r * n, up + r * n, form.alpha, form.clamp, n, out);
      else
        kernel::act_mul(form.act, gate + r * n, up + r * n, n, out);
    }
  }
}

void quantise_hidden(const Step& s, const Run& run, const ExpertPlan& plan, int thread) {
  int64_t tile = 0;
  for (const ExpertRows& a : plan.active) {
    const kernel::Matrix& down = expert(s, a.expert).down;
    for (int64_t t = 0; t < a.n; t += kernel::kTileTokens, ++tile) {
      if (tile % run.threads != thread || !quantised(down)) continue;
      kernel::quantise_tile(run.experts.hidden + a.hidden + t * down.cols, down.cols, down.cols,
                            static_cast<int>(std::min<int64_t>(kernel::kTileTokens, a.n - t)),
                            run.experts.hidden_records + a.records +
                                kernel::record_offset(down.cols, t));
    }
  }
}

void down(const Step& s, const Run& run, int64_t group_begin, int64_t group_end, int thread) {
  const ExpertThread& own = run.experts.threads[thread];
  const Buffer& y = s.out[0];
  const int64_t first = group_begin * kGroup, n = std::min(group_end * kGroup, y.width) - first;
  if (!s.residual.f32) {
    for (int64_t r = 0; r < run.rows(y.rows); ++r)
      std::memset(y.f32 + r * y.width + first, 0, n * sizeof(float));
  }
  for (const ExpertRows& a : own.plan.active) {
    const Expert e = expert(s, a.expert);
    const int64_t cols = e.down.cols, block = expert_row_block(s.in[0].width);
    for (int64_t begin = 0; begin < a.n; begin += block) {
      const int64_t rows = std::min(block, a.n - begin);
      kernel::Activation x{.f32 = run.experts.hidden + a.hidden + begin * cols,
                           .stride = cols,
                           .tokens = static_cast<int>(rows)};
      if (s.node->records_inside && quantised(e.down))
        x.records =
            run.experts.hidden_records + a.records + kernel::record_offset(cols, begin);
      multiply(run, e.down, x, {.y = own.out - first, .stride = n, .bias = e.down_bias},
               group_begin, group_end);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t i = a.first + begin + r;
        kernel::add_scaled(own.out + r * n, own.plan.weight[i], n,
                           y.f32 + own.plan.row[i] * y.width + first);
      }
    }
  }
}

}  // namespace

void execute_experts(const Step& s, Run& run, int thread) {
  if (run.rows(s.in[0].rows) == 0) return;
  ExpertPlan& plan = run.experts.threads[thread].plan;
  sort_by_expert(s, run, choose(s, run, thread), plan);
  cut_units(s, run.threads, plan);
  const int units = static_cast<int>(plan.units.size());
  for (int i; (i = run.next[s.counter].fetch_add(1, std::memory_order_relaxed)) < units;)
    gate_and_up(s, run, plan.units[i], thread);
  run.pool->barrier(thread);
  if (s.node->records_inside) {
    quantise_hidden(s, run, plan, thread);
    run.pool->barrier(thread);
  }
  const int64_t groups = (s.out[0].width + kGroup - 1) / kGroup;
  const int64_t chunk =
      std::clamp<int64_t>(groups / (4 * run.threads) / 2 * 2, 2, kExpertChunk);
  for (int64_t g; (g = run.next[s.counter + 1].fetch_add(1, std::memory_order_relaxed) * chunk) <
                  groups;)
    down(s, run, g, std::min(g + chunk, groups), thread);
}

}  // namespace strata::graph
