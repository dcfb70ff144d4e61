// Every form of attention through the executor, against formulas in f64: what each token sees,
// ALiBi, sinks, latent rows, any head size; whole, in chunks, in batches, on several threads.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <map>
#include <random>

#include "graph/executor.h"

namespace strata::graph {
namespace {

constexpr int kModel = 20, kVocab = 37;

class Floats : public WeightSource {
 public:
  std::vector<float>& add(const std::string& name, std::vector<int64_t> shape,
                          float deviation = 0.3f) {
    StoredTensor t{.name = name, .type = kernel::Type::f32, .shape = std::move(shape),
                   .data = nullptr, .bytes = 0};
    std::vector<float>& values = values_[name];
    values.resize(static_cast<size_t>(t.elements()));
    std::normal_distribution<float> normal{0, deviation};
    for (float& v : values) v = normal(random_);
    t.data = reinterpret_cast<const uint8_t*>(values.data());
    t.bytes = values.size() * sizeof(float);
    tensors_[name] = t;
    return values;
  }
  const StoredTensor* find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? nullptr : &it->second;
  }
  const std::vector<float>& operator[](const std::string& name) const { return values_.at(name); }

 private:
  std::map<std::string, StoredTensor, std::less<>> tensors_;
  std::map<std::string, std::vector<float>> values_;
  std::mt19937 random_{11};
};

struct Form {
  const char* name;
  int n_head, n_head_kv, d_k, d_v;
  bool latent;
  AttentionOptions options;
};

Floats weights(const Form& f) {
  Floats s;
  s.add("embd.weight", {kVocab, kModel}, 1);
  s.add("q.weight", {f.n_head * f.d_k, kModel});
  s.add("k.weight", {f.n_head_kv * f.d_k, kModel});
  s.add("v.weight", {f.n_head_kv * f.d_v, kModel});
  s.add("sinks.weight", {f.n_head}, 1);
  s.add("head.weight", {kVocab, f.n_head * f.d_v});
  return s;
}

Graph build(const Form& f, const Floats& s) {
  Graph g(s);
  const Tensor x = g.embed("embd", kModel, {});
  const Tensor q = g.heads(g.linear(x, "q"), f.n_head, f.d_k);
  const Tensor k = g.heads(g.linear(x, "k"), f.n_head_kv, f.d_k);
  Tensor mix;
  if (f.latent) {
    mix = g.latent_attention(q, k, f.d_v, f.options);
  } else {
    const Tensor v = g.heads(g.linear(x, "v"), f.n_head_kv, f.d_v);
    mix = g.attention(q, k, v, f.options);
  }
  g.output(g.linear(g.select(g.merge(mix)), "head"));
  return g;
}

std::vector<double> product(const std::vector<float>& w, const std::vector<double>& x) {
  std::vector<double> y(w.size() / x.size());
  for (size_t r = 0; r < y.size(); ++r)
    for (size_t i = 0; i < x.size(); ++i) y[r] += double{w[r * x.size() + i]} * x[i];
  return y;
}

bool sees(const AttentionOptions& o, int query, int key) {
  if (o.causal) return key <= query && (o.window == 0 || key > query - o.window);
  return o.window == 0 || std::abs(query - key) <= o.window / 2;
}

/// Logits of every token of one sequence.
std::vector<float> expected(const Form& f, const Floats& s, const std::vector<int32_t>& tokens) {
  const int n = static_cast<int>(tokens.size());
  std::vector<std::vector<double>> q, k, v;
  for (int32_t token : tokens) {
    const float* row = s["embd.weight"].data() + token * kModel;
    const std::vector<double> x(row, row + kModel);
    q.push_back(product(s["q.weight"], x));
    k.push_back(product(s["k.weight"], x));
    v.push_back(f.latent ? k.back() : product(s["v.weight"], x));
  }
  const int pitch = f.latent ? f.d_k : f.d_v;
  std::vector<float> logits;
  for (int i = 0; i < n; ++i) {
    std::vector<double> mix(static_cast<size_t>(f.n_head * f.d_v));
    for (int h = 0; h < f.n_head; ++h) {
      const int kv = h / (f.n_head / f.n_head_kv);
      double sum = f.options.sinks.empty() ? 0 : std::exp(double{s["sinks.weight"][h]});
      for (int j = 0; j < n; ++j) {
        if (!sees(f.options, i, j)) continue;
        double score = 0;
        for (int d = 0; d < f.d_k; ++d) score += q[i][h * f.d_k + d] * k[j][kv * f.d_k + d];
        score *= f.options.scale;
        if (f.options.softcap > 0)
          score = f.options.softcap * std::tanh(score / f.options.softcap);
        if (!f.options.alibi.empty()) score -= f.options.alibi[h] * std::abs(i - j);
        const double weight = std::exp(score);
        sum += weight;
        for (int d = 0; d < f.d_v; ++d) mix[h * f.d_v + d] += weight * v[j][kv * pitch + d];
      }
      for (int d = 0; d < f.d_v; ++d) mix[h * f.d_v + d] /= sum;
    }
    for (double x : product(s["head.weight"], mix)) logits.push_back(static_cast<float>(x));
  }
  return logits;
}

std::vector<int32_t> sequence(int n, int seed) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) tokens[i] = (i * i * 7 + i * seed + 3 * seed) % kVocab;
  return tokens;
}

void expect_near(const float* got, const std::vector<float>& want, int first_token) {
  for (size_t i = static_cast<size_t>(first_token) * kVocab; i < want.size(); ++i) {
    ASSERT_NEAR(got[i - static_cast<size_t>(first_token) * kVocab], want[i], 5e-5)
        << "token " << i / kVocab << " logit " << i % kVocab;
  }
}

class AttentionForm : public testing::TestWithParam<Form> {
 protected:
  static constexpr int kLong = 150;   // over two blocks
};

TEST_P(AttentionForm, EqualsTheFormulas) {
  const Form& f = GetParam();
  const Floats s = weights(f);
  const std::vector<int32_t> tokens = sequence(kLong, 1);
  const std::vector<float> want = expected(f, s, tokens);
  for (int threads : {1, 3}) {
    ThreadPool pool({.threads = threads, .cpus = {}, .pin = false});
    Executor executor(build(f, s), pool,
                      {.max_tokens = kLong, .max_outputs = kLong, .max_sequences = 1,
                       .kv_pages = 3, .kv_type = kernel::KvType::f32, .exact = true});
    const std::vector<int32_t> blocks = {2, 0, 1};
    for (int chunk : {kLong, 43, 1}) {
      if (!f.options.causal && chunk != kLong) continue;
      SCOPED_TRACE(testing::Message() << threads << " threads, chunks of " << chunk);
      for (int past = 0; past < kLong; past += chunk) {
        const int n = std::min(chunk, kLong - past);
        const SequenceSlice slice{0, n, past, blocks.data(), n};
        const float* got = executor.run({std::span(tokens).subspan(past, n), {&slice, 1}});
        expect_near(got, {want.begin(), want.begin() + (past + n) * kVocab}, past);
      }
    }
  }
}

TEST_P(AttentionForm, SequencesOfABatchStayApart) {
  const Form& f = GetParam();
  const Floats s = weights(f);
  ThreadPool pool({.threads = 2, .cpus = {}, .pin = false});
  Executor executor(build(f, s), pool,
                    {.max_tokens = 120, .max_outputs = 120, .max_sequences = 3, .kv_pages = 4,
                     .kv_type = kernel::KvType::f32, .exact = true});
  const std::vector<int> lengths = {17, 1, 90};
  const std::vector<std::vector<int32_t>> blocks = {{1}, {3}, {0, 2}};
  std::vector<int32_t> tokens;
  std::vector<SequenceSlice> slices;
  std::vector<std::vector<float>> want;
  for (int i = 0; i < 3; ++i) {
    const std::vector<int32_t> own = sequence(lengths[i], i + 2);
    slices.push_back({static_cast<int64_t>(tokens.size()), lengths[i], 0, blocks[i].data(),
                      lengths[i]});
    tokens.insert(tokens.end(), own.begin(), own.end());
    want.push_back(expected(f, s, own));
  }
  const float* got = executor.run({tokens, slices});
  for (int i = 0; i < 3; ++i) expect_near(got + slices[i].first_token * kVocab, want[i], 0);
}

// Keys as those of models with a bias: some slowly turning channels are far from zero and alike in
// all tokens, where they take the codes of a quantised cache from all others.
TEST(CodedKeys, WhatKeysHaveInCommonCostsNoCodes) {
  const Form f{"bias", 4, 2, 32, 32, false, {.scale = 0.18f}};
  Floats s = weights(f);
  std::vector<float>& bias = s.add("k.bias", {64}, 0.1f);
  for (int channel : {13, 14, 30, 31, 32 + 15, 32 + 29}) bias[channel] = 120;
  const auto make = [&] {
    Graph g(s);
    const int rope = g.add_rope({.d = 32, .row = [](int position, float* cos, float* sin) {
      for (int i = 0; i < 16; ++i) {
        const double angle = position * std::pow(1e6, -i / 16.0);
        cos[i] = static_cast<float>(std::cos(angle));
        sin[i] = static_cast<float>(std::sin(angle));
      }
    }});
    const Tensor x = g.embed("embd", kModel, {});
    const Tensor q = g.rope(g.heads(g.linear(x, "q"), f.n_head, f.d_k), rope);
    const Tensor k = g.rope(g.heads(g.linear(x, "k"), f.n_head_kv, f.d_k), rope);
    const Tensor v = g.heads(g.linear(x, "v"), f.n_head_kv, f.d_v);
    g.output(g.linear(g.select(g.merge(g.attention(q, k, v, f.options))), "head"));
    return g;
  };
  constexpr int kTokens = 400;
  const std::vector<int32_t> tokens = sequence(kTokens, 5);
  ThreadPool pool({.threads = 2, .cpus = {}, .pin = false});
  const auto logits = [&](kernel::KvType type, bool rotated, bool measured) {
    Executor executor(make(), pool,
                      {.max_tokens = kTokens, .max_outputs = kTokens, .max_sequences = 1,
                       .kv_pages = 8, .kv_type = type, .kv_rotated = rotated, .exact = true});
    if (measured) executor.measure_keys(sequence(100, 9));
    const std::vector<int32_t> blocks = {6, 0, 1, 5, 2, 4, 3};
    const SequenceSlice slice{0, kTokens, 0, blocks.data(), kTokens};
    const float* got = executor.run({tokens, {&slice, 1}});
    return std::vector<float>(got, got + kTokens * kVocab);
  };
  const std::vector<float> want = logits(kernel::KvType::f32, false, false);
  const auto error = [&](kernel::KvType type, bool rotated, bool measured) {
    const std::vector<float> got = logits(type, rotated, measured);
    double sum = 0;
    for (size_t i = 0; i < got.size(); ++i) sum += std::pow(got[i] - want[i], 2);
    return std::sqrt(sum / static_cast<double>(got.size()));
  };
  for (bool rotated : {false, true}) {
    const double measured = error(kernel::KvType::q8_0, rotated, true);
    EXPECT_LT(measured * 8, error(kernel::KvType::q8_0, rotated, false)) << rotated;
    EXPECT_LT(measured, 0.02) << rotated;
    EXPECT_LT(error(kernel::KvType::q4_0, rotated, true) * 2,
              error(kernel::KvType::q4_0, rotated, false)) << rotated;
  }
}

const std::vector<float> kSlopes = {0.5f, 0.25f, 0.03f, 0};

INSTANTIATE_TEST_SUITE_P(
    , AttentionForm,
    testing::Values(
        Form{"causal", 4, 2, 16, 16, false, {.scale = 0.25f}},
        Form{"odd_sizes", 6, 2, 10, 7, false, {.scale = 0.3f, .softcap = 2}},
        Form{"window", 4, 4, 8, 8, false, {.scale = 0.4f, .window = 20}},
        Form{"alibi", 4, 4, 12, 12, false, {.scale = 0.3f, .alibi = kSlopes}},
        Form{"sinks", 4, 2, 16, 16, false, {.scale = 0.25f, .window = 70, .sinks = "sinks"}},
        Form{"bidirectional", 4, 4, 12, 12, false, {.scale = 0.3f, .causal = false}},
        Form{"bidirectional_window", 4, 2, 24, 24, false,
             {.scale = 0.2f, .window = 40, .causal = false}},
        Form{"bidirectional_alibi", 4, 4, 8, 8, false,
             {.scale = 0.3f, .causal = false, .alibi = kSlopes}},
        Form{"latent", 4, 1, 24, 16, true, {.scale = 0.2f}},
        Form{"latent_many_heads", 40, 1, 40, 32, true, {.scale = 0.2f, .sinks = "sinks"}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strata::graph
