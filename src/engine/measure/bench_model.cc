#include "engine/measure/bench_model.h"

#include <algorithm>

#include "base/arena.h"
#include "base/clock.h"

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

// Operations of a prefill: products of all tokens, the head for one, and 4 d a head and position of
// attention (scores and values).
double prefill_operations(const graph::Graph& g, int tokens) {
  double total = 0;
  for (const graph::Node& node : g.nodes) {
    const bool all = g.values[node.out[0]].rows == graph::Rows::tokens;
    total += graph::cost(g, node).flops * (all ? tokens : 1);
    if (node.op != graph::Op::attention) continue;
    const graph::CacheSpec& c = g.caches[node.cache];
    const double heads = static_cast<double>(g.values[node.in[0]].width()) / c.d_k;
    double pairs = 0;
    for (int t = 1; t <= tokens; ++t) pairs += c.window > 0 ? std::min(t, c.window) : t;
    total += 2.0 * heads * (c.d_k + c.d_v) * pairs;
  }
  return total;
}

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
    DecodeResult result{.depth = depth, .tok_s = {}, .gb_s = {}, .bytes_per_token = 0,
                        .roof_share = {}};
    result.bytes_per_token =
        executor.step_weight_bytes() + executor.step_kv_bytes(depth + options.gen / 2);
    session.rewind(0);
    if (depth > 0) session.append(some_tokens(depth, vocab), 0);
    const std::vector<Token> tokens = some_tokens(options.gen, vocab);
    for (int r = -1; r < options.repetitions; ++r) {
      session.rewind(depth);
      double roof = 0;
      for (int i = 0; i < 2; ++i)
        roof = std::max(roof, kernel::measure_read_gb_s(pool, buffer.data(), buffer.size()));
      const double start = now_s();
      for (const Token& t : tokens) session.append({&t, 1});
      const double s = (now_s() - start) / options.gen;
      if (r < 0) continue;
      result.tok_s.samples.push_back(1 / s);
      result.gb_s.samples.push_back(result.bytes_per_token / s / 1e9);
      result.roof_share.samples.push_back(result.bytes_per_token / s / 1e9 / roof);
    }
    sort(result.tok_s);
    sort(result.gb_s);
    sort(result.roof_share);
    report.decode.push_back(std::move(result));
  }
  return report;
}

}  // namespace strata::engine
