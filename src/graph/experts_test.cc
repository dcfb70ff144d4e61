// Experts against their definition: every layout of a file, every number of rows and threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <random>

#include "base/error.h"
#include "graph/executor.h"

namespace strata::graph {
namespace {

constexpr int kModel = 64, kFf = 96, kShared = 160, kExperts = 8, kVocab = 48;

class Source : public WeightSource {
 public:
  void add(const std::string& name, std::vector<int64_t> shape,
           kernel::Type type = kernel::Type::f32) {
    StoredTensor t{.name = name, .type = type, .shape = std::move(shape)};
    std::vector<float> values(static_cast<size_t>(t.elements()));
    for (float& v : values) v = normal_(random_);
    t.bytes = kernel::row_bytes(type, t.elements());
    bytes_.emplace_back(t.bytes);
    ASSERT_TRUE(kernel::from_f32(type, values.data(), t.elements(), bytes_.back().data()));
    t.data = bytes_.back().data();
    tensors_[name] = t;
  }
  void put(StoredTensor t) { tensors_[t.name] = std::move(t); }
  void remove(const std::string& name) { tensors_.erase(name); }
  const StoredTensor* find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? nullptr : &it->second;
  }
  std::vector<float> floats(const std::string& name) const {
    std::vector<float> values(tensors_.at(name).elements());
    to_f32(tensors_.at(name), values.data());
    return values;
  }

 private:
  std::map<std::string, StoredTensor, std::less<>> tensors_;
  std::deque<std::vector<uint8_t>> bytes_;
  std::mt19937 random_{11};
  std::normal_distribution<float> normal_{0, 0.2f};
};

Source weights(kernel::Type type) {
  Source s;
  s.add("embd.weight", {kVocab, kModel});
  s.add("router.weight", {kExperts, kModel});
  s.add("ffn_gate_exps.weight", {kExperts, kFf, kModel}, type);
  s.add("ffn_up_exps.weight", {kExperts, kFf, kModel}, type);
  s.add("ffn_down_exps.weight", {kExperts, kModel, kFf}, type);
  s.add("ffn_gate_exps.bias", {kExperts, kFf});
  s.add("ffn_up_exps.bias", {kExperts, kFf});
  s.add("ffn_down_exps.bias", {kExperts, kModel});
  s.add("ffn_gate_shexp.weight", {kShared, kModel}, type);
  s.add("ffn_up_shexp.weight", {kShared, kModel}, type);
  s.add("ffn_down_shexp.weight", {kModel, kShared}, type);
  s.add("shared_gate.weight", {1, kModel});
  s.add("exp_probs_b.bias", {kExperts});
  return s;
}

const ExpertForm kForm = {.router = {.scoring = kernel::Scoring::sigmoid,
                                     .n_expert = kExperts,
                                     .n_used = 3,
                                     .n_group = 4,
                                     .n_group_used = 3,
                                     .group_by_two = true,
                                     .normalise = true,
                                     .scale = 2}};

Graph build(const Source& s, const ExpertForm& form) {
  Graph g(s);
  const Tensor x = g.embed("embd", kModel, {.scale = 1});
  const Tensor y = g.experts(x, g.linear(x, "router"), g.linear(x, "shared_gate"), "", form);
  g.output(g.select(g.add(x, y)));
  return g;
}

std::vector<int32_t> tokens(int n) {
  std::vector<int32_t> t(n);
  for (int i = 0; i < n; ++i) t[i] = i * 7 % kVocab;
  return t;
}

std::vector<float> run(Graph graph, int n, int threads, bool exact) {
  ThreadPool pool({.threads = threads, .cpus = {}, .pin = false});
  Executor executor(std::move(graph), pool,
                    {.max_tokens = n, .max_outputs = n, .max_sequences = 1, .kv_pages = 8,
                     .kv_type = kernel::KvType::f32, .exact = exact});
  const std::vector<int32_t> ids = tokens(n), blocks = {0, 1, 2, 3, 4, 5, 6, 7};
  const SequenceSlice slice{0, n, 0, blocks.data(), n};
  std::vector<float> first;
  for (int again = 0; again < 3; ++again) {
    const float* out = executor.run({ids, {&slice, 1}});
    std::vector<float> y(out, out + int64_t{n} * kModel);
    if (again > 0) {
      EXPECT_EQ(y, first) << "results depend on timing";
    }
    first = std::move(y);
  }
  return first;
}

// W x + b of rows [first, first + n) of a weight; b may be empty.
std::vector<double> product(const std::vector<float>& w, const std::vector<float>& b, int64_t first,
                            int64_t n, const std::vector<double>& x) {
  std::vector<double> y(n);
  const auto cols = static_cast<int64_t>(x.size());
  for (int64_t r = 0; r < n; ++r) {
    y[r] = b.empty() ? 0 : b[first + r];
    for (int64_t c = 0; c < cols; ++c) y[r] += double{w[(first + r) * cols + c]} * x[c];
  }
  return y;
}

double activated(const ExpertForm& form, double gate, double up) {
  if (form.clamp == 0) return gate / (1 + std::exp(-gate)) * up;
  const double g = std::min<double>(gate, form.clamp);
  return g / (1 + std::exp(-form.alpha * g)) *
         (std::clamp<double>(up, -form.clamp, form.clamp) + 1);
}

// The naive twin.
std::vector<float> expected(const Source& s, const ExpertForm& form, int n) {
  const auto embd = s.floats("embd.weight"), router = s.floats("router.weight"),
             bias = s.floats("exp_probs_b.bias"), gate_of_shared = s.floats("shared_gate.weight");
  const auto unit = [&](const std::string& suffix, bool biased, int64_t e, int64_t ff,
                        const std::vector<double>& x) {
    const auto w = [&](const char* name) { return s.floats(name + suffix + ".weight"); };
    const auto b = [&](const char* name) {
      return biased ? s.floats(name + suffix + ".bias") : std::vector<float>{};
    };
    std::vector<double> h = product(w("ffn_gate"), b("ffn_gate"), e * ff, ff, x);
    const auto up = product(w("ffn_up"), b("ffn_up"), e * ff, ff, x);
    for (int64_t i = 0; i < ff; ++i) h[i] = activated(form, h[i], up[i]);
    return product(w("ffn_down"), b("ffn_down"), e * kModel, kModel, h);
  };
  std::vector<float> out;
  std::map<int, std::vector<float>> done;
  for (int32_t token : tokens(n)) {
    std::vector<float>& row = done[token];
    if (row.empty()) {
      const std::vector<double> x(&embd[token * kModel], &embd[token * kModel] + kModel);
      const auto logits64 = product(router, {}, 0, kExperts, x);
      const std::vector<float> logits(logits64.begin(), logits64.end());
      std::vector<int32_t> chosen(form.router.n_used);
      std::vector<float> weight(form.router.n_used), room(3 * kExperts);
      kernel::route(form.router, logits.data(), bias.data(), room.data(), chosen.data(),
                    weight.data());
      std::vector<double> y = unit("_shexp", false, 0, kShared, x);
      const double gate = 1 / (1 + std::exp(-product(gate_of_shared, {}, 0, 1, x)[0]));
      for (int i = 0; i < kModel; ++i) y[i] = x[i] + y[i] * gate;
      for (int c = 0; c < form.router.n_used; ++c) {
        const auto part = unit("_exps", true, chosen[c], kFf, x);
        for (int i = 0; i < kModel; ++i) y[i] += part[i] * weight[c];
      }
      row.assign(y.begin(), y.end());
    }
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference = std::max(difference, std::abs(double{a[i]} - b[i]));
  return difference;
}

TEST(Experts, AsDefinedForAnyNumberOfRowsAndThreads) {
  for (kernel::Type type : {kernel::Type::f32, kernel::Type::bf16, kernel::Type::q8_0}) {
    const Source s = weights(type);
    for (int n : {1, 2, 5, 30, 300}) {
      const std::vector<float> want = expected(s, kForm, n);
      for (int threads : {1, 3}) {
        EXPECT_LT(worst(run(build(s, kForm), n, threads, true), want), 2e-5)
            << kernel::info(type).name << " " << n << " rows";
        const double fast = kernel::info(type).quantised ? 0.03 : 2e-5;
        EXPECT_LT(worst(run(build(s, kForm), n, threads, false), want), fast)
            << kernel::info(type).name << " " << n << " rows, fast";
      }
    }
  }
}

TEST(Experts, ClampedUnits) {
  ExpertForm form = kForm;
  form.clamp = 0.3f;
  form.alpha = 1.7f;
  const Source s = weights(kernel::Type::f32);
  EXPECT_LT(worst(run(build(s, form), 20, 2, true), expected(s, form, 20)), 2e-5);
}

// The same experts as matrices of their own, as fused gate and up, and as rows made on demand.
TEST(Experts, EveryLayout) {
  const Source stacked = weights(kernel::Type::f32);
  const std::vector<float> want = run(build(stacked, kForm), 20, 2, true);

  Source apart = stacked;
  std::deque<std::string> names;
  for (const char* part : {"ffn_gate", "ffn_up", "ffn_down"}) {
    const std::string whole = std::string(part) + "_exps";
    const StoredTensor &w = *stacked.find(whole + ".weight"), &b = *stacked.find(whole + ".bias");
    StoredTensor column = b;
    column.shape = {b.elements(), 1};
    const int64_t rows = w.shape[1];
    for (int e = 0; e < kExperts; ++e) {
      const std::string name = std::string(part) + "." + std::to_string(e);
      StoredTensor matrix = slice_rows(w, e * rows, (e + 1) * rows);
      matrix.name = name + ".weight";
      StoredTensor bias = slice_rows(column, e * rows, (e + 1) * rows);
      bias.name = name + ".bias";
      apart.put(matrix);
      apart.put(bias);
    }
    apart.remove(whole + ".weight");
    apart.remove(whole + ".bias");
  }
  EXPECT_EQ(run(build(apart, kForm), 20, 2, true), want);

  Source fused = stacked;
  const auto join = [&](const std::string& suffix, int64_t cols) {
    StoredTensor t{.name = "ffn_gate_up_exps" + suffix, .shape = {kExperts, 2 * kFf, cols}};
    const StoredTensor *gate = stacked.find("ffn_gate_exps" + suffix),
                       *up = stacked.find("ffn_up_exps" + suffix);
    t.make = [gate, up, cols](int64_t begin, int64_t end, uint8_t* out) {
      for (int64_t row = begin; row < end; ++row, out += cols * 4) {
        const int64_t e = row / (2 * kFf), r = row % (2 * kFf);
        const uint8_t* from = (r < kFf ? gate : up)->data + (e * kFf + r % kFf) * cols * 4;
        std::copy_n(from, cols * 4, out);
      }
    };
    fused.put(std::move(t));
    fused.remove("ffn_gate_exps" + suffix);
    fused.remove("ffn_up_exps" + suffix);
  };
  join(".weight", kModel);
  join(".bias", 1);
  EXPECT_EQ(run(build(fused, kForm), 20, 2, true), want);
}

TEST(Experts, MissingAndMisshapenOnesAreNamed) {
  const auto message = [](const Source& s) -> std::string {
    try {
      build(s, kForm);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::data_loss);
      return e.what();
    }
    return "no error";
  };
  Source s = weights(kernel::Type::f32);
  s.remove("ffn_up_exps.weight");
  EXPECT_NE(message(s).find("'ffn_up_exps.weight'"), std::string::npos) << message(s);
  s = weights(kernel::Type::f32);
  s.add("ffn_down_exps.weight", {kExperts, kModel, kFf + 1});
  EXPECT_NE(message(s).find("ffn_down_exps.weight"), std::string::npos);
  s = weights(kernel::Type::f32);
  s.add("router.weight", {kExperts - 1, kModel});
  EXPECT_NE(message(s).find("7 router outputs"), std::string::npos);
}

}  // namespace
}  // namespace strata::graph
