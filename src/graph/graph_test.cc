// The graph: what it refuses, that passes change nothing but speed, that memory is never shared by
// values that live at once.
#include "graph/graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <map>
#include <random>

#include "base/error.h"
#include "graph/barrier.h"
#include "graph/executor.h"
#include "graph/memory_plan.h"
#include "graph/pass.h"

namespace strata::graph {
namespace {

constexpr int kModel = 64, kHeads = 4, kHeadsKv = 2, kDim = 16, kFf = 96, kVocab = 80;

// Tensors of random values, kept in memory.
class FakeSource : public WeightSource {
 public:
  void add(const std::string& name, std::vector<int64_t> shape,
           kernel::Type type = kernel::Type::f32) {
    StoredTensor t{.name = name, .type = type, .shape = std::move(shape), .data = nullptr,
                   .bytes = 0};
    std::vector<float> values(static_cast<size_t>(t.elements()));
    for (float& v : values) v = normal_(random_);
    t.bytes = kernel::row_bytes(type, t.elements());
    bytes_.emplace_back(t.bytes);
    ASSERT_TRUE(kernel::from_f32(type, values.data(), t.elements(), bytes_.back().data()));
    t.data = bytes_.back().data();
    tensors_[name] = t;
  }
  void remove(const std::string& name) { tensors_.erase(name); }
  const StoredTensor* find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? nullptr : &it->second;
  }

 private:
  std::map<std::string, StoredTensor, std::less<>> tensors_;
  std::deque<std::vector<uint8_t>> bytes_;
  std::mt19937 random_{7};
  std::normal_distribution<float> normal_{0, 0.2f};
};

FakeSource weights(kernel::Type type, bool biases = true) {
  FakeSource s;
  s.add("embd.weight", {kVocab, kModel}, type);
  for (const char* n : {"norm1", "norm2", "norm3", "out_norm"})
    s.add(std::string(n) + ".weight", {kModel});
  for (const char* n : {"q_norm", "k_norm"}) s.add(std::string(n) + ".weight", {kDim});
  s.add("q.weight", {kHeads * kDim, kModel}, type);
  if (biases) s.add("q.bias", {kHeads * kDim});
  s.add("k.weight", {kHeadsKv * kDim, kModel}, type);
  s.add("v.weight", {kHeadsKv * kDim, kModel}, type);
  s.add("o.weight", {kModel, kHeads * kDim}, type);
  s.add("gate.weight", {kFf, kModel}, type);
  s.add("up.weight", {kFf, kModel}, type);
  s.add("down.weight", {kModel, kFf}, type);
  s.add("head.weight", {kVocab, kModel}, type);
  return s;
}

// Two layers that share weights, with every kind of node: QK norm, rope, window, a post-norm.
Graph build(const WeightSource& s) {
  Graph g(s);
  const int rope = g.add_rope({.d = kDim, .interleaved = false,
                               .row = [](int position, float* cos, float* sin) {
                                 for (int i = 0; i < kDim / 2; ++i) {
                                   const double a = position * std::pow(100.0, -2.0 * i / kDim);
                                   cos[i] = static_cast<float>(std::cos(a));
                                   sin[i] = static_cast<float>(std::sin(a));
                                 }
                               }});
  Tensor x = g.embed("embd", kModel, {.scale = 2});
  for (int layer = 0; layer < 2; ++layer) {
    g.layer(layer);
    const Tensor y = g.rms_norm(x, "norm1", 1e-6f, 0);
    Tensor q = g.heads(g.linear(y, "q"), kHeads, kDim);
    Tensor k = g.heads(g.linear(y, "k"), kHeadsKv, kDim);
    const Tensor v = g.heads(g.linear(y, "v"), kHeadsKv, kDim);
    q = g.rope(g.rms_norm(q, "q_norm", 1e-6f, 1), rope);
    k = g.rope(g.rms_norm(k, "k_norm", 1e-6f, 1), rope);
    const Tensor mix = g.merge(g.attention(
        q, k, v, {.scale = 0.25f, .softcap = 30, .window = layer == 0 ? 5 : 0}));
    x = g.add(x,
              layer == 0 ? g.linear(mix, "o") : g.rms_norm(g.linear(mix, "o"), "norm3", 1e-6f, 0));
    const Tensor z = g.rms_norm(x, "norm2", 1e-6f, 0);
    x = g.add(x,
              g.linear(g.glu(kernel::Act::silu, g.linear(z, "gate"), g.linear(z, "up")), "down"));
  }
  g.layer(kNone);
  g.output(g.softcap(g.linear(g.rms_norm(g.select(x), "out_norm", 1e-6f, 0), "head"), 20));
  return g;
}

// One layer of another kind: learned positions, layer norms, an MLP without a gate, limits and
// factors.
FakeSource plain_weights() {
  FakeSource s = weights(kernel::Type::f32);
  s.add("position.weight", {64, kModel});
  s.add("kind.weight", {2, kModel});
  for (const char* n : {"norm1", "norm2", "out_norm"}) s.add(std::string(n) + ".bias", {kModel});
  s.add("up.bias", {kFf});
  s.add("head_norms.weight", {kHeads * kDim});   // a gain for every head
  return s;
}

Graph build_plain(const FakeSource& s) {
  Graph g(s);
  Tensor x = g.embed("embd", kModel,
                     {.scale = 0.5f, .positions = "position", .position_offset = 2,
                      .constant = "kind"});
  EXPECT_EQ(g.max_positions(), 62);
  const Tensor y = g.layer_norm(x, "norm1", 1e-5f);
  Tensor q = g.heads(g.clamp(g.linear(y, "q"), 0.7f), kHeads, kDim);
  q = g.layer_norm(q, "head_norms", 1e-5f, 1);
  const Tensor k = g.heads(g.linear(y, "k"), kHeadsKv, kDim);
  const Tensor v = g.heads(g.linear(y, "v"), kHeadsKv, kDim);
  x = g.add(x, g.linear(g.merge(g.attention(q, k, v, {.scale = 0.25f})), "o"), 0.3f);
  const Tensor up = g.linear(g.layer_norm(x, "norm2", 1e-5f), "up");
  x = g.add(x, g.linear(g.activate(kernel::Act::relu2, up), "down"));
  g.output(g.scale(g.linear(g.layer_norm(g.select(x), "out_norm", 1e-5f), "head"), 0.25f));
  return g;
}

std::vector<float> logits(Graph graph, bool fuse, bool exact, int threads, int chunk) {
  ThreadPool pool({.threads = threads, .cpus = {}, .pin = false});
  Executor executor(std::move(graph), pool,
                    {.max_tokens = 40, .max_outputs = 40, .max_sequences = 1, .kv_pages = 2,
                     .kv_type = kernel::KvType::f32, .exact = exact, .fuse = fuse});
  std::vector<int32_t> tokens(20), blocks = {1, 0};
  for (int i = 0; i < 20; ++i) tokens[i] = i * 7 % kVocab;
  std::vector<float> all;
  for (int past = 0; past < 20; past += chunk) {
    const int n = std::min(chunk, 20 - past);
    const SequenceSlice slice{0, n, past, blocks.data(), n};
    const float* out = executor.run({std::span(tokens).subspan(past, n), {&slice, 1}});
    all.insert(all.end(), out, out + n * kVocab);
  }
  return all;
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(std::isfinite(a[i]));
    difference = std::max(difference, std::abs(double{a[i]} - b[i]));
  }
  return difference;
}

TEST(Graph, PassesChangeNothing) {
  const FakeSource s = weights(kernel::Type::f32);
  const std::vector<float> plain = logits(build(s), false, true, 1, 20);
  for (int threads : {1, 2, 3}) {
    for (int chunk : {20, 7, 1})
      EXPECT_LE(worst(logits(build(s), true, true, threads, chunk), plain), 2e-4)
          << threads << " threads, chunks of " << chunk;
  }
}

TEST(Graph, PassesChangeNothingWithoutGates) {
  const FakeSource s = plain_weights();
  const std::vector<float> plain = logits(build_plain(s), false, true, 1, 20);
  for (int chunk : {20, 7, 1})
    EXPECT_LE(worst(logits(build_plain(s), true, true, 2, chunk), plain), 2e-4) << chunk;
  Graph g = build_plain(s);
  for (const Pass& pass : passes(true)) pass.run(g);
  int activated = 0;
  for (const Node& node : g.nodes) {
    EXPECT_NE(node.op, Op::activate);
    activated += node.activates;
  }
  EXPECT_EQ(activated, 1);
}

// A source may make a matrix's rows when they are asked for.
TEST(Graph, RowsMadeOnDemandAreTheRowsStored) {
  const FakeSource stored = weights(kernel::Type::q8_0);
  class Made : public WeightSource {
   public:
    explicit Made(const FakeSource& from) : from_(from) {}
    const StoredTensor* find(std::string_view name) const override {
      const StoredTensor* t = from_.find(name);
      if (!t || made_.count(std::string(name))) return t ? &made_.at(std::string(name)) : nullptr;
      StoredTensor made = *t;
      made.data = nullptr;
      made.make = [t](int64_t begin, int64_t end, uint8_t* out) {
        const size_t row = kernel::row_bytes(t->type, t->cols());
        std::copy(t->data + row * begin, t->data + row * end, out);
      };
      return &made_.emplace(name, std::move(made)).first->second;
    }

   private:
    const FakeSource& from_;
    mutable std::map<std::string, StoredTensor> made_;
  };
  const Made made(stored);
  EXPECT_EQ(logits(build(made), true, true, 2, 20), logits(build(stored), true, true, 2, 20));
}

TEST(Graph, QuantisedInputsStayClose) {
  const FakeSource s = weights(kernel::Type::q8_0);
  const std::vector<float> exact = logits(build(s), true, true, 2, 20);
  for (int chunk : {20, 3, 1})
    EXPECT_LE(worst(logits(build(s), true, false, 2, chunk), exact), 0.6) << chunk;
  EXPECT_GT(worst(logits(build(s), true, false, 2, 20), exact), 0) << "nothing was quantised";
}

TEST(Graph, FusesWhatItShould) {
  const FakeSource s = weights(kernel::Type::q8_0);
  Graph g = build(s);
  for (const Pass& pass : passes(false)) pass.run(g);
  std::map<Op, int> count;
  for (const Node& node : g.nodes) ++count[node.op];
  EXPECT_EQ(count[Op::rope], 0);
  EXPECT_EQ(count[Op::glu], 0);
  EXPECT_EQ(count[Op::add], 0);
  EXPECT_EQ(count[Op::linear_glu], 2);
  EXPECT_EQ(count[Op::linear], 2 * 3 + 1);   // QKV, o, down; and the head
  EXPECT_EQ(count[Op::quantise], 2 * 2);     // attention's and the gated unit's outputs
  EXPECT_NE(describe(g).find("linear_glu"), std::string::npos);
}

TEST(Graph, MissingAndMisshapenTensorsAreNamed) {
  const auto message = [](const FakeSource& s) -> std::string {
    try {
      build(s);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::data_loss);
      return e.what();
    }
    return "built";
  };
  FakeSource s = weights(kernel::Type::f32);
  s.remove("down.weight");
  EXPECT_NE(message(s).find("down.weight"), std::string::npos);
  s.add("down.weight", {kModel, kFf + 1});
  EXPECT_NE(message(s).find("[64, 97]"), std::string::npos) << message(s);
  s.add("down.weight", {kModel, kFf});
  s.add("q.bias", {3});
  EXPECT_NE(message(s).find("q.bias"), std::string::npos);
}

TEST(MemoryPlan, LiveValuesNeverOverlap) {
  const FakeSource s = weights(kernel::Type::q8_0);
  for (bool exact : {false, true}) {
    Graph g = build(s);
    for (const Pass& pass : passes(exact)) pass.run(g);
    const MemoryPlan plan = plan_memory(g, 40, 8);
    // Between the nodes that write and last read them, floats of two values may only coincide when
    // one is the residual that the other took over.
    std::map<int, int> home;
    for (const Node& n : g.nodes)
      if (n.residual != kNone)
        home[n.out[0]] = home.count(n.residual) ? home[n.residual] : n.residual;
    const auto of = [&](int v) { return home.count(v) ? home[v] : v; };
    for (size_t a = 0; a < g.values.size(); ++a) {
      for (size_t b = 0; b < a; ++b) {
        const int va = static_cast<int>(a), vb = static_cast<int>(b);
        if (of(va) == of(vb) || plan.places[a].f32 < 0 || plan.places[b].f32 < 0) continue;
        const auto last = [&](int v) {
          const std::vector<int> r = g.readers(v);
          return r.empty() ? static_cast<int>(g.nodes.size()) : r.back();
        };
        if (g.writer(va) > last(vb) || g.writer(vb) > last(va)) continue;
        const auto bytes = [&](int v) {
          return (g.values[v].rows == Rows::tokens ? 40 : 8) * g.values[v].width() * 4;
        };
        const int64_t pa = plan.places[a].f32, pb = plan.places[b].f32;
        EXPECT_TRUE(pa + bytes(va) <= pb || pb + bytes(vb) <= pa)
            << g.values[a].name << " and " << g.values[b].name;
      }
    }
  }
}

TEST(Executor, SaysWhatItNeedsBeforeLoading) {
  const FakeSource s = weights(kernel::Type::f32);
  ThreadPool pool({.threads = 1, .cpus = {}, .pin = false});
  try {
    Executor executor(build(s), pool, {.kv_pages = int64_t{1} << 40});
    FAIL() << "loaded";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::resource_exhausted);
    EXPECT_NE(std::string(e.what()).find("are available"), std::string::npos);
  }
}

// What `strata inspect --graph` prints is what happens.
TEST(Executor, MeetsAsOftenAsTheRuleSays) {
  const FakeSource s = weights(kernel::Type::q8_0);
  for (const bool exact : {false, true}) {
    ThreadPool pool({.threads = 2, .cpus = {}, .pin = false});
    Executor executor(build(s), pool,
                      {.max_tokens = 40, .max_outputs = 40, .max_sequences = 1, .kv_pages = 1,
                       .kv_type = kernel::KvType::f32, .exact = exact});
    const std::vector<int32_t> tokens(40, 3);
    const int32_t block = 0;
    for (const int n : {1, tuning().private_rows, tuning().private_rows + 1, 20,
                        kAttentionTaskTokens + 1}) {
      const uint64_t before = pool.barriers();
      const SequenceSlice slice{0, n, 0, &block, n};
      executor.run({std::span(tokens).first(static_cast<size_t>(n)), {&slice, 1}});
      EXPECT_EQ(pool.barriers() - before, static_cast<uint64_t>(barriers(executor.graph(), n)))
          << n << " rows, exact " << exact;
    }
  }
}

TEST(Executor, CopiesBlocks) {
  const FakeSource s = weights(kernel::Type::f32);
  ThreadPool pool({.threads = 2, .cpus = {}, .pin = false});
  Executor executor(build(s), pool, {.max_tokens = 8, .max_outputs = 8, .kv_pages = 3,
                                     .kv_type = kernel::KvType::f32, .exact = true});
  const std::vector<int32_t> tokens = {3, 1, 4, 1, 5}, first = {0}, copy = {2};
  const SequenceSlice prompt{0, 5, 0, first.data(), 0};
  executor.run({tokens, {&prompt, 1}});
  executor.copy_page(0, 2);
  const int32_t next = 9;
  std::vector<std::vector<float>> rows;
  for (const auto& blocks : {first, copy}) {
    const SequenceSlice slice{0, 1, 5, blocks.data(), 1};
    const float* out = executor.run({{&next, 1}, {&slice, 1}});
    rows.emplace_back(out, out + kVocab);
  }
  EXPECT_EQ(rows[0], rows[1]);
}

}  // namespace
}  // namespace strata::graph
