// Attention against the machine's own limits: decoding (one token, the heads of a group share a
// pass) as a share of the read bandwidth, prefill (8 rows share a pass) as a share of the f32 peak.
//   strata_bench_attention [types=f16,bf16] [shapes=9x3x64,12x2x128] [threads=1,2] [depth=4096]
//                          [repeat=7] [modes=decode,prefill]
// A shape is heads x KV heads x dimension. Decoding reads about 200 MB of K and V, every thread an
// equal run of blocks (a head that two threads share is merged); the read roof is measured right
// before each repetition on the same bytes. Each line: median (min .. max) over the repetitions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>

#include "base/arena.h"
#include "base/clock.h"
#include "base/threads.h"
#include "kernel/attention.h"
#include "kernel/level.h"
#include "kernel/roofline.h"

namespace strata::kernel {
namespace {

struct Shape {
  int n_head, n_head_kv, d;
};

struct Options {
  std::vector<std::string> types = {"f16", "bf16"}, modes = {"decode", "prefill"};
  std::vector<Shape> shapes = {{9, 3, 64}, {14, 2, 64}, {12, 2, 128}, {32, 8, 128}};
  std::vector<int> threads = {1, 2};
  int depth = 4096, repeat = 7;
};

std::vector<std::string> split(const std::string& list, char separator) {
  std::vector<std::string> parts;
  std::stringstream in(list);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i], key = arg.substr(0, arg.find('='));
    const std::vector<std::string> values = split(arg.substr(arg.find('=') + 1), ',');
    if (key == "types") {
      o.types = values;
    } else if (key == "modes") {
      o.modes = values;
    } else if (key == "shapes") {
      o.shapes.clear();
      for (const std::string& v : values) {
        const std::vector<std::string> n = split(v, 'x');
        o.shapes.push_back({std::stoi(n.at(0)), std::stoi(n.at(1)), std::stoi(n.at(2))});
      }
    } else if (key == "threads") {
      o.threads.clear();
      for (const std::string& v : values) o.threads.push_back(std::stoi(v));
    } else if (key == "depth") {
      o.depth = std::stoi(values.at(0));
    } else if (key == "repeat") {
      o.repeat = std::stoi(values.at(0));
    } else {
      throw std::invalid_argument("unknown argument " + arg);
    }
  }
  return o;
}

KvType kv_type(const std::string& name) {
  if (name == "f32") return KvType::f32;
  if (name == "f16") return KvType::f16;
  if (name == "bf16") return KvType::bf16;
  throw std::invalid_argument("unknown type " + name);
}

struct Samples {
  std::vector<double> v;
  std::string text() {
    std::sort(v.begin(), v.end());
    return fmt::format("{:.2f} ({:.2f} .. {:.2f})", v[v.size() / 2], v.front(), v.back());
  }
};

/// `layers` caches of one sequence each, filled to `depth`, one behind the other in one pool.
struct Caches {
  KvLayout layout;
  int depth, layers;
  Memory pool;
  std::vector<int32_t> table;
  std::vector<float> q;

  int blocks() const { return (depth + kKvBlock - 1) / kKvBlock; }

  Caches(KvLayout l, int depth, int layers)
      : layout(l), depth(depth), layers(layers), pool(layout.block_bytes() * blocks() * layers),
        table(blocks()), q(size_t(kAttendRows) * layout.d_k) {
    std::iota(table.begin(), table.end(), 0);
    std::mt19937 rng(3);
    std::normal_distribution<float> normal;
    for (float& x : q) x = normal(rng);
    std::vector<float> kv(layout.d_k + 101);
    for (float& x : kv) x = normal(rng);
    for (int b = 0; b < blocks() * layers; ++b)
      for (int slot = 0; slot < kKvBlock; ++slot)
        for (int h = 0; h < layout.n_head_kv; ++h)
          kv_store(layout, pool.data() + b * layout.block_bytes(), h, slot,
                   &kv[(b + slot + 7 * h) % 101], &kv[(b + 3 * slot + h) % 101]);
  }

  Attend task(int layer, int head, const std::vector<AttendRow>& rows) const {
    return {.layout = layout,
            .pool = pool.data() + size_t(layer) * blocks() * layout.block_bytes(),
            .block_stride = layout.block_bytes(),
            .table = table.data(),
            .head = head,
            .scale = 1 / std::sqrt(float(layout.d_k)),
            .n_row = int(rows.size()),
            .rows = rows.data(),
            .block_begin = 0,
            .block_end = blocks()};
  }

  /// Rows over the whole depth; outputs or partials lie one behind the other in `out`.
  std::vector<AttendRow> rows(int n, float* out, bool partial) const {
    std::vector<AttendRow> rows;
    const int stride = layout.d_v_padded() + 16;
    for (int i = 0; i < n; ++i)
      rows.push_back({&q[size_t(i) * layout.d_k], partial ? nullptr : out + i * stride,
                      partial ? out + i * stride : nullptr, 0, depth});
    return rows;
  }
};

void decode(const Options& o, ThreadPool& pool, const std::string& type, const Shape& shape) {
  const KvLayout layout{kv_type(type), shape.n_head_kv, shape.d, shape.d};
  const int blocks = (o.depth + kKvBlock - 1) / kKvBlock;
  const int layers = std::max(1, int(200e6 / double(layout.block_bytes() * blocks)));
  const Caches caches(layout, o.depth, layers);
  const int group = shape.n_head / shape.n_head_kv, stride = layout.d_v_padded() + 16;
  const int64_t units = int64_t(layers) * shape.n_head_kv * blocks;
  std::vector<float> out(size_t(pool.size()) * kAttendRows * stride);

  const auto once = [&] {
    pool.run([&](int t) {
      float* mine = &out[size_t(t) * kAttendRows * stride];
      const std::vector<AttendRow> rows = caches.rows(group, mine, true);
      auto [unit, end] = split_evenly(units, t, pool.size());
      while (unit < end) {
        const int64_t item = unit / blocks, item_end = std::min(end, (item + 1) * blocks);
        Attend task = caches.task(int(item / shape.n_head_kv), int(item % shape.n_head_kv), rows);
        task.block_begin = int(unit - item * blocks);
        task.block_end = int(item_end - item * blocks);
        attend(task);
        for (int r = 0; r < group; ++r)
          attend_merge(mine + r * stride, 0, 1, layout.d_v, mine + r * stride);
        unit = item_end;
      }
    });
  };
  once();
  Samples rate, share;
  for (int i = 0; i < o.repeat; ++i) {
    double roof = 0;
    for (int k = 0; k < 2; ++k)
      roof = std::max(roof, measure_read_gb_s(pool, caches.pool.data(), caches.pool.size()));
    const double start = now_s();
    once();
    const double gb_s = double(caches.pool.size()) / (now_s() - start) / 1e9;
    rate.v.push_back(gb_s);
    share.v.push_back(gb_s / roof);
  }
  fmt::print("decode  {:4} ({},{},{}) depth {} {} threads | GB/s {} | of read {}\n", type,
             shape.n_head, shape.n_head_kv, shape.d, o.depth, pool.size(), rate.text(),
             share.text());
  std::fflush(stdout);
}

void prefill(const Options& o, ThreadPool& pool, double peak, const std::string& type, int d) {
  const Caches caches({kv_type(type), 1, d, d}, o.depth, 1);
  const int stride = caches.layout.d_v_padded() + 16, passes = 16;
  std::vector<float> out(size_t(pool.size()) * kAttendRows * stride);
  const double work = 4.0 * d * o.depth * kAttendRows * passes * pool.size();
  Samples share;
  for (int i = -1; i < o.repeat; ++i) {
    const double start = now_s();
    pool.run([&](int t) {
      const auto rows = caches.rows(kAttendRows, &out[size_t(t) * kAttendRows * stride], false);
      for (int p = 0; p < passes; ++p) attend(caches.task(0, 0, rows));
    });
    if (i >= 0) share.v.push_back(work / (now_s() - start) / 1e9 / peak);
  }
  fmt::print("prefill {:4} d {:3} depth {} {} threads | of f32 peak {}\n", type, d, o.depth,
             pool.size(), share.text());
  std::fflush(stdout);
}

void run(const Options& o) {
  const auto wanted = [&](const char* mode) {
    return std::find(o.modes.begin(), o.modes.end(), mode) != o.modes.end();
  };
  for (int threads : o.threads) {
    ThreadPool pool({.threads = threads, .cpus = {}});
    const Roofline roof = measure_roofline(pool, 3);
    fmt::print("{}, {} threads: read {:.1f} GB/s, f32 {:.0f} GFLOP/s\n", isa_name(isa_level()),
               threads, roof.read_gb_s.median(), roof.f32_gflop_s.median());
    for (const std::string& type : o.types) {
      if (wanted("decode"))
        for (const Shape& shape : o.shapes) decode(o, pool, type, shape);
      if (wanted("prefill"))
        for (int d : {64, 128}) prefill(o, pool, roof.f32_gflop_s.median(), type, d);
    }
  }
}

}  // namespace
}  // namespace strata::kernel

int main(int argc, char** argv) {
  strata::kernel::run(strata::kernel::parse(argc, argv));
  return 0;
}
