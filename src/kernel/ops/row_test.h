// Rows of test data: unaligned, of any length, with guards on both sides of the output.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "kernel/every_isa_test.h"

namespace strata::kernel {

inline const std::vector<int64_t>& row_lengths() {
  static const std::vector<int64_t> lengths = [] {
    std::vector<int64_t> n;
    for (int64_t i = 1; i <= 70; ++i) n.push_back(i);
    for (int64_t i : {127, 128, 129, 576, 1000, 4096, 4099}) n.push_back(i);
    return n;
  }();
  return lengths;
}

/// n normal floats of standard deviation `spread` that begin 4 bytes past an aligned address.
class Row {
 public:
  Row(int64_t n, std::mt19937& rng, float spread = 1) : n_(n), data_(n + 17) {
    std::normal_distribution<float> normal;
    for (float& x : data_) x = spread * normal(rng);
  }
  float* begin() { return data_.data() + 1; }
  float* end() { return begin() + n_; }
  float& operator[](int64_t i) { return begin()[i]; }
  float* get() { return begin(); }
  int64_t size() const { return n_; }
  double sum_of(const std::function<double(double)>& f) {
    double sum = 0;
    for (float x : *this) sum += f(x);
    return sum;
  }

 private:
  int64_t n_;
  std::vector<float> data_;
};

/// An output row that notices writes outside it.
class OutputRow {
 public:
  explicit OutputRow(int64_t n) : n_(n), data_(n + 33, kGuard) {}
  ~OutputRow() {
    for (int64_t i = 0; i < 17; ++i) EXPECT_EQ(data_[i], kGuard) << "before the row";
    for (int64_t i = 17 + n_; i < n_ + 33; ++i) EXPECT_EQ(data_[i], kGuard) << "after the row";
  }
  float* get() { return data_.data() + 17; }
  float& operator[](int64_t i) { return get()[i]; }

 private:
  static constexpr float kGuard = -12345.5f;
  int64_t n_;
  std::vector<float> data_;
};

/// |got - want| <= relative * |want| + absolute.
inline void expect_close(double got, double want, double relative, double absolute = 0) {
  ASSERT_LE(std::abs(got - want), relative * std::abs(want) + absolute)
      << "got " << got << ", want " << want;
}

}  // namespace strata::kernel
