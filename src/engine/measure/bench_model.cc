#include "engine/measure/bench_model.h"

#include <algorithm>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

namespace strata::engine {
namespace {

// Deterministic tokens from the middle of the vocabulary.
std::vector<Token> some_tokens(int n, int vocab) {
  std::vector<Token> tokens(static_cast<size_t>(n));
  uint32_t state = 1;
  for (Token& t : tokens) {
    state = state * 1664525u + 1013904223u;
    t = static_cast<Token>(state % static_cast<uint32_t>(vocab));
  }
  return tokens;
}

// Operations of a step of `tokens` rows and `outputs` rows of logits, in whose attention rows meet
// `pairs(window)` positions: products, and 2 (d_k + d_v) a head and position for scores and values.
template <class Pairs>
double step_operations(const graph::Graph& g, double tokens, double outputs, Pairs&& pairs) {
  double total = 0;
  for (const graph::Node& node : g.nodes) {
    const bool all = g.values[node.out[0]].rows == graph::Rows::tokens;
    total += graph::cost(g, node).flops * (all ? tokens : outputs);
    if (node.op != graph::Op::attention) continue;
    const graph::CacheSpec& c = g.caches[node.cache];
    const double heads = static_cast<double>(g.values[node.in[0]].width()) / c.d_k;
    total += 2.0 * heads * (c.d_k + c.d_v) * pairs(c.window);
  }
  return total;
}

double prefill_operations(const graph::Graph& g, int tokens) {
  return step_operations(g, tokens, 1, [&](int window) {
    double pairs = 0;
    for (int t = 1; t <= tokens; ++t) pairs += window > 0 ? std::min(t, window) : t;
    return pairs;
  });
}

// Sequences that decode together, each with blocks of its own.
class DecodingBatch {
 public:
  // All have the same `depth` positions before; the first computes them, the others copy.
  DecodingBatch(GraphExecutor& executor, int batch, int depth, int room)
      : executor_(executor), cache_(executor.kv(), false, executor), depth_(depth),
        tokens_(some_tokens(batch, executor.n_vocab())), tables_(static_cast<size_t>(batch)) {
    const std::vector<Token> before = some_tokens(depth, executor.n_vocab());
    for (int past = 0; past < depth;) {
      StepSequence first{.n_token = std::min(depth - past, executor.max_tokens()), .n_past = past,
                         .blocks = {},
                         .state = executor.n_state() > 0 ? 0 : -1};
      extend(tables_[0], past + first.n_token);
      first.blocks = tables_[0].blocks;
      executor.run({.tokens = std::span(before).subspan(past, first.n_token),
                    .sequences = {&first, 1},
                    .pages = cache_.pages().map()});
      past += first.n_token;
      cache_.pass(tables_[0], past);
    }
    for (int i = 0; i < batch; ++i) {
      BlockTable& table = tables_[i];
      if (i > 0) cache_.share(tables_[0], table);
      for (int block = 0; i > 0 && block < table.size(); ++block)
        if (!cache_.make_own(table, block)) refuse();
      extend(table, room);
      sequences_.push_back({.first_token = i, .n_token = 1, .blocks = table.blocks, .n_logits = 1,
                            .state = executor.n_state() > 0 ? i : -1});
    }
  }

  // Seconds a step, of `steps` from the depth on.
  double seconds(int steps) {
    const double start = now_s();
    for (int i = 0; i < steps; ++i) {
      for (StepSequence& s : sequences_) s.n_past = depth_ + i;
      executor_.run({.tokens = tokens_, .sequences = sequences_, .pages = cache_.pages().map()});
    }
    return (now_s() - start) / steps;
  }

 private:
  void extend(BlockTable& table, int positions) {
    while (table.size() * kBlock < positions)
      if (!cache_.extend(table)) refuse();
  }
  [[noreturn]] void refuse() const {
    fail(Code::resource_exhausted,
         "{} sequences after {} positions need more than the {} pages of KV memory that there are: "
         "fewer sequences, a smaller depth or fewer tokens",
         tables_.size(), depth_, executor_.kv().n_page);
  }

  GraphExecutor& executor_;
  KvCache cache_;
  int depth_;
  std::vector<Token> tokens_;
  std::vector<BlockTable> tables_;
  std::vector<StepSequence> sequences_;
};

void sort(kernel::Rate& rate) { std::sort(rate.samples.begin(), rate.samples.end()); }

}  // namespace

BenchModelReport bench_model(Session& session, const BenchModelOptions& options) {
  BenchModelReport report;
  const graph::Executor& executor = session.executor().graph();
  ThreadPool& pool = session.executor().pool();
  report.roofline = kernel::measure_roofline(pool, options.repetitions);
  const int vocab = session.n_vocab();

  for (int n : options.prompt) {
    if (n <= 0) continue;
    const std::vector<Token> tokens = some_tokens(n, vocab);
    const double operations = prefill_operations(executor.graph(), n);
    PrefillResult result{.tokens = n, .tok_s = {}, .roof_share = {}};
    for (int r = -1; r < options.repetitions; ++r) {   // one to warm up
      session.rewind(0);
      const double start = now_s();
      session.append(tokens);
      const double s = now_s() - start;
      if (r < 0) continue;
      result.tok_s.samples.push_back(n / s);
      result.roof_share.samples.push_back(operations / s / 1e9 /
                                          report.roofline.int8_gop_s.median());
    }
    sort(result.tok_s);
    sort(result.roof_share);
    report.prefill.push_back(std::move(result));
  }

  if (options.gen <= 0) return report;
  // The read roof moves within minutes on a shared machine: it is measured again before each
  // repetition.
  const Memory buffer(std::min<size_t>(size_t{256} << 20, memory_available() / 8));
  pool.run([&](int t) {
    const auto [b, e] = split_evenly(static_cast<int64_t>(buffer.size()), t, pool.size(), 4096);
    std::fill(buffer.data() + b, buffer.data() + e, static_cast<uint8_t>(t + 1));
  });
  for (int depth : options.depth) {
    for (int batch : options.batch) {
      const int middle = depth + options.gen / 2;
      DecodeResult result{.depth = depth, .batch = batch, .tok_s = {}, .gb_s = {},
                          .bytes_per_step = executor.step_weight_bytes() +
                                            batch * executor.step_kv_bytes(middle),
                          .roof_share = {}};
      result.operations_per_step =
          step_operations(executor.graph(), batch, batch, [&](int window) {
            return double{1} * batch * (window > 0 ? std::min(middle, window) : middle);
          });
      DecodingBatch decoding(session.executor(), batch, depth, depth + options.gen);
      for (int r = -1; r < options.repetitions; ++r) {
        double roof = 0;
        for (int i = 0; i < 2; ++i)
          roof = std::max(roof, kernel::measure_read_gb_s(pool, buffer.data(), buffer.size()));
        const double s = decoding.seconds(options.gen);
        if (r < 0) continue;
        const double least_s =
            std::max(result.bytes_per_step / roof,
                     result.operations_per_step / report.roofline.int8_gop_s.median()) / 1e9;
        result.tok_s.samples.push_back(batch / s);
        result.gb_s.samples.push_back(result.bytes_per_step / s / 1e9);
        result.roof_share.samples.push_back(least_s / s);
      }
      sort(result.tok_s);
      sort(result.gb_s);
      sort(result.roof_share);
      report.decode.push_back(std::move(result));
    }
  }
  return report;
}

}  // namespace strata::engine
