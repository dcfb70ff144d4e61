#include "model/convert/stream.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "base/error.h"

namespace strata::model {
namespace {

constexpr int64_t kPieceFloats = 1 << 18;  // of one thread

/// What one thread turns at a time.
struct Piece {
  int64_t begin = 0, end = 0;
  std::vector<uint8_t> room, out;
  std::vector<float> values;
  std::exception_ptr error;
};

void turn(const graph::StoredTensor& t, kernel::Type type, Piece& p) {
  const int64_t n = (p.end - p.begin) * t.cols();
  p.out.resize(kernel::row_bytes(type, t.cols()) * (p.end - p.begin));
  if (n == 0) return;  // fewer rows than threads: a made vector would be written whole
  const uint8_t* rows = graph::rows_of(t, p.begin, p.end, p.room);
  if (type == t.type) {
    std::copy(rows, rows + p.out.size(), p.out.begin());
    return;
  }
  p.values.resize(n);
  kernel::to_f32(t.type, rows, n, p.values.data());
  kernel::from_f32(type, p.values.data(), n, p.out.data());
}

}  // namespace

bool can_write(kernel::Type type) {
  const int block = kernel::info(type).block;
  std::vector<float> zeros(block);
  std::vector<uint8_t> stored(kernel::info(type).bytes);
  return kernel::from_f32(type, zeros.data(), block, stored.data());
}

void stream(const graph::StoredTensor& t, const graph::WeightSource& source, kernel::Type type,
            ThreadPool& pool, const std::function<void(std::span<const uint8_t>)>& write) {
  if (type != t.type && !can_write(type))
    fail(Code::invalid_argument, "{}: values cannot be written as {}; choose a type that can",
         t.name, kernel::info(type).name);
  const int64_t rows = t.rows(), step = std::max<int64_t>(1, kPieceFloats / t.cols());
  std::vector<Piece> pieces(pool.size());
  for (int64_t row = 0; row < rows;) {
    for (Piece& p : pieces) {
      p.begin = std::min(row, rows);
      p.end = row = std::min(p.begin + step, rows);
    }
    pool.run([&](int thread) {
      Piece& p = pieces[thread];
      try {
        turn(t, type, p);
      } catch (...) {
        p.error = std::current_exception();
      }
    });
    for (Piece& p : pieces) {
      if (p.error) std::rethrow_exception(p.error);
      if (p.out.empty()) continue;
      write(p.out);
      if (t.data) source.release(graph::slice_rows(t, p.begin, p.end));
    }
  }
}

}  // namespace strata::model
