// The recurrences against their formulas in f64: whole, in ragged pieces and in shares.
#include "kernel/recurrent.h"

#include <limits>

#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

std::vector<float> normal(int64_t n, std::mt19937& rng, float spread = 1) {
  std::normal_distribution<float> distribution(0, 1);   // a deviation of 0 is not allowed
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = spread * distribution(rng);
  return x;
}

double act(Act a, double x) { return a == Act::silu ? x / (1 + std::exp(-x)) : x; }

// Lengths of pieces that add up to n.
std::vector<std::vector<int>> pieces(int n) {
  std::vector<std::vector<int>> all = {{n}, std::vector<int>(n, 1), {}};
  for (int left = n, next = 1; left > 0; next = next * 3 % 11) {
    all[2].push_back(std::min(left, next));
    left -= all[2].back();
  }
  return all;
}

class Recurrent : public EveryIsa {};

TEST_P(Recurrent, ConvolutionIsItsFormula) {
  constexpr int kTokens = 23, kStride = 331;
  for (int taps : {1, 2, 3, 4, 7}) {
    for (int channels : {1, 16, 37, 300}) {
      for (Act a : {Act::none, Act::silu}) {
        const auto x = normal(kTokens * kStride, rng_), w = normal(taps * channels, rng_),
                   bias = normal(channels, rng_);
        for (const std::vector<int>& runs : pieces(kTokens)) {
          std::vector<float> state(static_cast<size_t>((taps - 1) * channels) + 1);
          std::vector<float> y(kTokens * channels, NAN);
          int64_t at = 0;
          for (int n : runs) {
            const Conv1d conv{.taps = taps, .channels = channels, .weight = w.data(),
                              .bias = taps == 3 ? nullptr : bias.data(), .act = a,
                              .state = state.data()};
            const int64_t cut = channels / 32 * 16;   // two shares
            for (const auto& [b, e] : {std::pair<int64_t, int64_t>{0, cut}, {cut, channels}}) {
              conv1d(conv, {x.data() + at * kStride, kStride}, n, b, e, y.data() + at * channels,
                     channels);
            }
            at += n;
          }
          for (int t = 0; t < kTokens; ++t) {
            for (int c = 0; c < channels; ++c) {
              double want = taps == 3 ? 0 : bias[c];
              for (int j = 0; j < taps; ++j)
                if (const int from = t - (taps - 1) + j; from >= 0)
                  want += double{w[j * channels + c]} * x[from * kStride + c];
              expect_close(y[t * channels + c], act(a, want), 2e-6, 4e-6);
            }
          }
        }
      }
    }
  }
}

TEST_P(Recurrent, SelectiveScanIsItsFormula) {
  constexpr int kTokens = 19, kStride = 77;
  for (int d_state : {1, 5, 16}) {
    for (int channels : {3, 16, 53}) {
      const auto x = normal(kTokens * kStride, rng_), b = normal(kTokens * kStride, rng_),
                 c = normal(kTokens * kStride, rng_), d = normal(channels, rng_);
      auto dt = normal(kTokens * kStride, rng_, 2), a = normal(d_state * channels, rng_);
      for (float& v : a) v = -std::abs(v);
      std::vector<double> h(static_cast<size_t>(d_state * channels)), want;
      for (int t = 0; t < kTokens; ++t) {
        for (int ch = 0; ch < channels; ++ch) {
          const double in = x[t * kStride + ch];
          const double step = std::log1p(std::exp(double{dt[t * kStride + ch]}));
          double y = d[ch] * in;
          for (int i = 0; i < d_state; ++i) {
            double& s = h[i * channels + ch];
            s = std::exp(step * a[i * channels + ch]) * s + step * b[t * kStride + i] * in;
            y += s * c[t * kStride + i];
          }
          want.push_back(y);
        }
      }
      for (const std::vector<int>& runs : pieces(kTokens)) {
        std::vector<float> state(h.size()), y(want.size(), NAN);
        int64_t at = 0;
        for (int n : runs) {
          const SelectiveScan scan{.d_state = d_state, .channels = channels, .a = a.data(),
                                   .d = d.data(), .state = state.data()};
          const auto rows = [&](const std::vector<float>& v) {
            return ConstRows{v.data() + at * kStride, kStride};
          };
          const int64_t cut = channels / 32 * 16;
          for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, cut}, {cut, channels}}) {
            selective_scan(scan, rows(x), rows(dt), rows(b), rows(c), n, begin, end,
                           y.data() + at * channels, channels);
          }
          at += n;
        }
        for (size_t i = 0; i < want.size(); ++i) expect_close(y[i], want[i], 1e-5, 1e-5);
        for (size_t i = 0; i < h.size(); ++i) expect_close(state[i], h[i], 1e-5, 1e-5);
      }
    }
  }
}

using Form = void (*)(const FadingAttention&);

struct Head {
  int n, d_k, columns;
  bool delta;
  std::vector<float> q, k, v, g, beta;
};

Head random_head(int n, int d_k, int columns, bool delta, float fading, std::mt19937& rng) {
  Head h{n, d_k, columns, delta, normal(n * d_k, rng), normal(n * d_k, rng),
         normal(n * columns, rng), normal(n, rng, fading), normal(n, rng)};
  for (float& g : h.g) g = -std::abs(g);
  for (float& b : h.beta) b = 1 / (1 + std::exp(-b));
  // As the models do it: without unit keys the delta rule need not stay bounded.
  for (int t = 0; t < n; ++t) {
    l2_norm(&h.q[t * d_k], 1e-6f, 1, d_k, &h.q[t * d_k]);
    l2_norm(&h.k[t * d_k], 1e-6f, 1, d_k, &h.k[t * d_k]);
  }
  return h;
}

// The formula of FadingAttention.
std::vector<double> reference(const Head& h, std::vector<double>& state) {
  std::vector<double> out;
  for (int t = 0; t < h.n; ++t) {
    const float *q = &h.q[t * h.d_k], *k = &h.k[t * h.d_k];
    for (int c = 0; c < h.columns; ++c) {
      const double fade = std::exp(double{h.g[t]});
      double said = 0, sum = 0, u = h.v[t * h.columns + c];
      for (int i = 0; i < h.d_k; ++i) said += k[i] * state[i * h.columns + c];
      if (h.delta) u = h.beta[t] * (u - fade * said);
      for (int i = 0; i < h.d_k; ++i) {
        double& s = state[i * h.columns + c];
        s = fade * s + k[i] * u;
        sum += q[i] * s;
      }
      out.push_back(sum);
    }
  }
  return out;
}

// Runs the head in pieces of at most `most` tokens; `split`: the columns in two shares.
void expect_form(const Head& h, Form form, int most, bool split, double tolerance) {
  std::vector<double> want_state(static_cast<size_t>(h.d_k * h.columns));
  const std::vector<double> want = reference(h, want_state);
  std::vector<float> state(want_state.size()), scratch(fading_scratch(h.d_k), NAN);
  std::vector<float> got(want.size(), NAN);
  const int half = split ? h.columns / 32 * 16 : 0;
  for (int at = 0; at < h.n; at += most) {
    const int n = std::min(most, h.n - at);
    for (const auto& [begin, end] : {std::pair{0, half}, {half, h.columns}}) {
      if (begin == end) continue;
      const int w = end - begin;
      std::vector<float> q(h.q.begin() + at * h.d_k, h.q.begin() + (at + n) * h.d_k), v, out(n * w);
      for (int t = at; t < at + n; ++t)
        v.insert(v.end(), &h.v[t * h.columns + begin], &h.v[t * h.columns] + end);
      form({.n = n, .d_k = h.d_k, .columns = w, .q = q.data(), .k = &h.k[at * h.d_k],
            .v = v.data(), .g = &h.g[at], .beta = h.delta ? &h.beta[at] : nullptr,
            .state = state.data() + begin, .state_stride = h.columns, .out = out.data(),
            .scratch = scratch.data()});
      for (int t = 0; t < n; ++t)
        std::copy_n(&out[t * w], w, &got[(at + t) * h.columns + begin]);
    }
  }
  for (size_t i = 0; i < want.size(); ++i) expect_close(got[i], want[i], tolerance, tolerance);
  for (size_t i = 0; i < want_state.size(); ++i)
    expect_close(state[i], want_state[i], tolerance, tolerance);
}

TEST_P(Recurrent, FadingAttentionIsItsFormulaInBothForms) {
  for (bool delta : {false, true}) {
    for (const auto& [d_k, columns] :
         {std::pair{1, 16}, {16, 16}, {20, 48}, {64, 96}, {128, 128}}) {
      // From no forgetting to all within a token.
      for (float fading : {0.f, 0.05f, 1.f, 60.f}) {
        const Head h = random_head(d_k > 60 ? 70 : 40, d_k, columns, delta, fading, rng_);
        SCOPED_TRACE(testing::Message() << "delta " << delta << " d_k " << d_k << " columns "
                                        << columns << " fading " << fading);
        expect_form(h, fading_attention_stepwise, kFadingChunk, false, 2e-5);
        expect_form(h, fading_attention_stepwise, 1, true, 2e-5);
        for (int most : {kFadingChunk, 17, 5, 1})
          expect_form(h, fading_attention_chunked, most, most == 17, 5e-5);
        expect_form(h, fading_attention, 9, false, 5e-5);
      }
    }
  }
}

TEST_P(Recurrent, SoftplusOfTheWholeRange) {
  std::vector<float> x = {0, -0.f, 1e-20f, -1e-20f, 88, -88, 200, -200, 3e38f, -3e38f};
  for (float v = -30; v < 30; v += 0.037f) x.push_back(v);
  const auto n = static_cast<int64_t>(x.size());
  const std::vector<float> bias = normal(n, rng_), gain = normal(n, rng_);
  std::vector<float> plain(x.size()), full(x.size());
  const float infinity = std::numeric_limits<float>::infinity();
  softplus(x.data(), nullptr, nullptr, 0, infinity, n, plain.data());
  softplus(x.data(), bias.data(), gain.data(), 0.25f, 2, n, full.data());
  const auto of = [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); };
  for (int64_t i = 0; i < n; ++i) {
    expect_close(plain[i], of(x[i]), 4e-7, 1e-37);
    const double clamped = std::clamp(of(double{x[i] + bias[i]}), 0.25, 2.0);
    expect_close(full[i], gain[i] * clamped, 1e-6);
  }
  float nan = NAN;
  softplus(&nan, nullptr, nullptr, 0, infinity, 1, &nan);
  EXPECT_TRUE(std::isnan(nan));
}

TEST_P(Recurrent, L2NormAtEveryLength) {
  for (int64_t n : row_lengths()) {
    Row x(n, rng_);
    OutputRow out(n);
    l2_norm(x.get(), 1e-3f, 0.5f, n, out.get());
    const double norm = std::sqrt(x.sum_of([](double v) { return v * v; }) + 1e-3);
    for (int64_t i = 0; i < n; ++i) expect_close(out[i], 0.5 * x[i] / norm, 1e-6, 1e-12);
  }
}

STRATA_EVERY_ISA(Recurrent);

}  // namespace
}  // namespace strata::kernel
