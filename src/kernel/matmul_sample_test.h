// Random stored matrices that use every bit of every format.
#pragma once
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernel/half.h"
#include "kernel/matmul.h"

namespace strata::kernel {

/// Where a stored block keeps its f16 fields (-1: none) and which bytes are codes.
struct BlockFields {
  int scale, min;
  int codes_begin, codes_end;
};

inline BlockFields fields(Type type) {
  switch (type) {
    case Type::q8_0: return {0, -1, 2, 34};
    case Type::q4_0: return {0, -1, 2, 18};
    case Type::q4_1: return {0, 2, 4, 20};
    case Type::q5_0: return {0, -1, 2, 22};
    case Type::q5_1: return {0, 2, 4, 24};
    case Type::q2_k: return {80, 82, 16, 80};
    case Type::q3_k: return {108, -1, 0, 96};
    case Type::q4_k: return {0, 2, 16, 144};
    case Type::q5_k: return {0, 2, 16, 176};
    case Type::q6_k: return {208, -1, 0, 192};
    case Type::iq4_nl: return {0, -1, 2, 18};
    case Type::iq4_xs: return {0, -1, 8, 136};
    default: return {-1, -1, 0, 0};
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
      for (uint8_t& b : stored) b = uint8_t(rng());
      const BlockFields f = fields(type);
      std::uniform_real_distribution<float> size(0.001f, 0.02f);
      for (size_t at = 0; at < stored.size(); at += info(type).bytes)
        for (int field : {f.scale, f.min})
          if (field >= 0) {
            const uint16_t h = half::to_f16(rng() % 4 ? size(rng) : -size(rng));
            std::memcpy(&stored[at + field], &h, 2);
          }
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
    std::vector<float> w = row(r), zero(cols);
    if (info(type).quantised) {
      std::vector<uint8_t> empty(stored.begin() + r * row_bytes(type, cols),
                                 stored.begin() + (r + 1) * row_bytes(type, cols));
      const BlockFields f = fields(type);
      for (size_t at = 0; at < empty.size(); at += info(type).bytes)
        std::memset(&empty[at + f.codes_begin], 0, f.codes_end - f.codes_begin);
      to_f32(type, empty.data(), cols, zero.data());
    }
    for (int64_t k = 0; k < cols; k++) w[k] = std::abs(w[k] - zero[k]) + std::abs(zero[k]);
    return w;
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
