// Random stored matrices that use every bit of every format.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernel/layout/header.h"
#include "kernel/matmul.h"
#include "kernel/quant/format.h"

namespace strata::kernel {

/// Random bytes, block by block, with every block's values of a weight's size.
inline void fill_blocks(Type type, std::mt19937& rng, std::vector<uint8_t>& stored) {
  const TypeInfo& t = info(type);
  std::vector<float> value(t.block);
  for (size_t at = 0; at < stored.size(); at += t.bytes) {
    for (;;) {
      for (int i = 0; i < t.bytes; i++) stored[at + i] = uint8_t(rng());
      to_f32(type, &stored[at], t.block, value.data());
      float top = 0;
      bool finite = true;
      for (float v : value) finite &= std::isfinite(v), top = std::max(top, std::abs(v));
      if (finite && top > 1e-4f && top < 10) break;
    }
  }
}

struct Sample {
  Type type;
  int64_t rows, cols;
  std::vector<uint8_t> stored;
  std::vector<uint8_t> packed_buffer;
  Matrix packed;

  Sample(Type t, int64_t n_row, int64_t n_col, std::mt19937& rng)
      : type(t), rows(n_row), cols(n_col), stored(rows * row_bytes(t, n_col)) {
    if (!info(type).quantised) {
      std::normal_distribution<float> normal(0, 0.05f);
      std::vector<float> row(cols);
      for (int64_t r = 0; r < rows; r++) {
        for (float& v : row) v = normal(rng);
        from_f32(type, row.data(), cols, stored.data() + r * row_bytes(type, cols));
      }
    } else {
      fill_blocks(type, rng, stored);
    }
    const size_t bytes = group_bytes(type, cols) * ((rows + kGroupRows - 1) / kGroupRows);
    packed_buffer.assign(bytes + 64, 0xa5);
    uint8_t* base = packed_buffer.data();
    base += (64 - reinterpret_cast<uintptr_t>(base) % 64) % 64;
    packed = {type, rows, cols, base};
    pack(type, stored.data(), rows, cols, 0, packed.groups(), base);
  }
  Sample(const Sample&) = delete;

  std::vector<float> row(int64_t r) const {
    std::vector<float> w(cols);
    to_f32(type, stored.data() + r * row_bytes(type, cols), cols, w.data());
    return w;
  }

  /// |scale * code| + |offset or min| of each weight: what rounding errors are relative to.
  std::vector<float> magnitude(int64_t r) const {
    std::vector<float> size = row(r);
    for (float& w : size) w = std::abs(w);
    if (!info(type).quantised) return size;
    const layout::Layout& l = quant::format_of(type).packing.layout;
    const layout::Codes c = layout::codes_of(l.coding);
    const uint8_t* p = packed.data + r / kGroupRows * group_bytes(type, cols);
    for (int64_t col = 0; col < cols; col += layout::kSpan) {
      const int blocks = int(std::min<int64_t>(cols - col, layout::kSpan) / layout::kBlock);
      float scale[16 * kGroupRows], min[16 * kGroupRows];
      layout::header_reader()(l, p, blocks, scale, min, kGroupRows);
      for (int k = 0; k < blocks * layout::kBlock; k++) {
        const int64_t at = k / c.sub * kGroupRows + r % kGroupRows;
        const float off = c.min ? std::abs(min[at]) : std::abs(scale[at]) * float(c.offset);
        size[col + k] += 2 * off;   // |scale * code| is at most |weight| + off
      }
      p += layout::span_bytes(l, blocks);
    }
    return size;
  }
};

inline std::vector<float> normal_floats(size_t n, std::mt19937& rng) {
  std::normal_distribution<float> normal;
  std::vector<float> x(n);
  for (float& v : x) v = normal(rng);
  return x;
}

/// Records of a whole batch.
inline std::vector<Record> quantise(const float* x, int64_t stride, int64_t cols, int tokens) {
  std::vector<Record> records(record_count(cols, tokens));
  for (int t = 0; t < tokens; t += kTileTokens)
    quantise_tile(x + t * stride, stride, cols, std::min(kTileTokens, tokens - t),
                  records.data() + record_offset(cols, t));
  return records;
}

inline std::vector<Type> every_type() {
  std::vector<Type> types;
  for (int i = 0; i < kTypeCount; i++) types.push_back(Type(i));
  return types;
}

}  // namespace strata::kernel
