// Matrix products against the machine's own limits: share of the read bandwidth for few tokens, of
// the arithmetic peak for many.
//   strata_bench_kernel [types=q4_0,q4_k] [shapes=4096x14336] [tokens=1,2,512] [threads=1,2]
//                       [repeat=7] [exact=1] [clock=cpu]
// A shape is rows x columns; rows 0: as many as make 160 MB. Each line: median (min .. max) over
// the repetitions. The read roof is measured right before each repetition on the same bytes; the
// activations are quantised inside the measured time. A repetition that lost more than 3 % of its
// cores to other processes is made again, up to a cap; how many were kept nevertheless is printed.
// clock=cpu counts the process's processor time instead: for one thread on a busy machine.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <sstream>

#include "base/arena.h"
#include "base/clock.h"
#include "kernel/half.h"
#include "kernel/level.h"
#include "kernel/matmul.h"
#include "kernel/roofline.h"

namespace strata::kernel {
namespace {

constexpr int kAttempts = 30;   // a repetition

struct Options {
  std::vector<Type> types = {Type::q4_0, Type::q4_1, Type::q8_0,
                             Type::q4_k, Type::q6_k, Type::q5_0};
  std::vector<std::pair<int64_t, int64_t>> shapes = {{0, 2048}};
  std::vector<int> tokens = {1}, threads = {1, 2};
  int repeat = 7;
  bool exact = false, cpu_clock = false;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; i++) {
    const std::string arg = argv[i], key = arg.substr(0, arg.find('='));
    const std::vector<std::string> values = split(arg.substr(arg.find('=') + 1));
    const auto numbers = [&] {
      std::vector<int> n;
      for (const std::string& v : values) n.push_back(std::stoi(v));
      return n;
    };
    if (key == "types") {
      o.types.clear();
      for (const std::string& v : values) o.types.push_back(type_from_name(v).value());
    } else if (key == "shapes") {
      o.shapes.clear();
      for (const std::string& v : values)
        o.shapes.emplace_back(std::stoll(v), std::stoll(v.substr(v.find('x') + 1)));
    } else if (key == "tokens") {
      o.tokens = numbers();
    } else if (key == "threads") {
      o.threads = numbers();
    } else if (key == "repeat") {
      o.repeat = numbers().at(0);
    } else if (key == "exact") {
      o.exact = numbers().at(0);
    } else if (key == "clock") {
      o.cpu_clock = values.at(0) == "cpu";
    } else {
      throw std::invalid_argument("unknown argument " + arg);
    }
  }
  return o;
}

/// Random weights: one group, repeated; its values do not matter to the time it takes.
Memory weights(Type type, int64_t rows, int64_t cols) {
  std::mt19937 rng(7);
  std::vector<uint8_t> stored(kGroupRows * row_bytes(type, cols));
  if (info(type).quantised) {
    for (uint8_t& b : stored) b = uint8_t(rng() & 0x3f);   // every f16 among them is finite
  } else {
    std::vector<float> row(kGroupRows * cols);
    for (float& v : row) v = float(rng() % 2001) / 1000 - 1;
    from_f32(type, row.data(), kGroupRows * cols, stored.data());
  }
  const size_t group = group_bytes(type, cols), n = size_t(rows + kGroupRows - 1) / kGroupRows;
  Memory memory(group * n);
  pack(type, stored.data(), kGroupRows, cols, 0, 1, memory.data());
  for (size_t g = 1; g < n; g++) std::memcpy(memory.data() + g * group, memory.data(), group);
  return memory;
}

/// Wall time of one call, and the share of the pool's cores that this process did not get.
struct Timed {
  double seconds, lost;
  double busy(int threads) const { return seconds * (1 - lost) * threads; }
};

template <class F> Timed timed(int threads, F&& work) {
  const auto cpu = [] {
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
  };
  const double wall = now_s(), used = cpu();
  work();
  const double s = now_s() - wall;
  return {s, 1 - (cpu() - used) / (s * threads)};
}

struct Samples {
  std::vector<double> v;
  std::string text() {
    std::sort(v.begin(), v.end());
    return fmt::format("{:.3f} ({:.3f} .. {:.3f})", v[v.size() / 2], v.front(), v.back());
  }
};

void measure(const Options& o, ThreadPool& pool, const Roofline& roof, Type type, int64_t rows,
             int64_t cols, int tokens) {
  if (rows == 0) rows = int64_t(160'000'000 / row_bytes(type, cols)) / 64 * 64;
  const Memory memory = weights(type, rows, cols);
  const Matrix w{type, rows, cols, memory.data()};
  std::vector<float> x(size_t(cols) * tokens), y(size_t(rows) * tokens);
  std::mt19937 rng(1);
  for (float& v : x) v = float(rng() % 2001) / 1000 - 1;
  const bool fast = info(type).quantised && !o.exact;
  std::vector<Record> records(fast ? record_count(cols, tokens) : 0);

  const auto once = [&] {
    pool.run([&](int t) {
      if (fast) {
        const auto [a, b] =
            split_evenly((tokens + kTileTokens - 1) / kTileTokens, t, pool.size());
        for (int64_t i = a * kTileTokens; i < b * kTileTokens && i < tokens; i += kTileTokens)
          quantise_tile(&x[i * cols], cols, cols, std::min<int>(kTileTokens, tokens - int(i)),
                        &records[record_offset(cols, i)]);
        pool.barrier(t);
      }
      const auto [a, b] = split_evenly(w.groups(), t, pool.size(), 2);
      matmul(w, {x.data(), cols, fast ? records.data() : nullptr, tokens},
             {.y = y.data(), .stride = rows}, a, b);
    });
  };
  once();
  const double bytes = double(memory.size()), work = 2.0 * double(rows) * double(cols) * tokens;
  const double peak = fast ? roof.int8_gop_s.max() : roof.f32_gflop_s.max();
  // Long enough for the clock, short enough to find the cores free.
  const double estimate = timed(pool.size(), once).seconds;
  const int inner = std::max(1, int(0.002 / estimate));
  Samples rate, read, arithmetic;
  int disturbed = 0;
  for (int i = 0, attempts = 0; i < o.repeat; attempts++) {
    double roof_gb_s = 0;
    const Timed before = timed(
        pool.size(), [&] { roof_gb_s = measure_read_gb_s(pool, w.data, memory.size()); });
    const Timed run = timed(pool.size(), [&] {
      for (int k = 0; k < inner; k++) once();
    });
    const bool clean = o.cpu_clock || std::max(before.lost, run.lost) < 0.03;
    if (!clean && attempts < kAttempts * o.repeat) continue;
    disturbed += !clean;
    i++;
    double s = run.seconds / inner;
    if (o.cpu_clock) {
      s = run.busy(1) / inner;
      roof_gb_s *= before.seconds / before.busy(1);
    }
    rate.v.push_back(bytes / s / 1e9);
    read.v.push_back(bytes / s / 1e9 / roof_gb_s);
    arithmetic.v.push_back(work / s / 1e9 / peak);
  }
  fmt::print("{:7} {:6}x{:<6} {} threads {:4} tokens | GB/s {} | of read {} | of peak {}{}\n",
             info(type).name, rows, cols, pool.size(), tokens, rate.text(), read.text(),
             arithmetic.text(), disturbed ? fmt::format(" | {} disturbed", disturbed) : "");
  std::fflush(stdout);
}

void run(const Options& o) {
  for (int threads : o.threads) {
    ThreadPool pool({.threads = threads});
    Roofline roof;
    const Timed all = timed(threads, [&] { roof = measure_roofline(pool, 5); });
    if (o.cpu_clock)
      for (Rate* rate : {&roof.int8_gop_s, &roof.f32_gflop_s})
        {
          const double rated = rate->median() / (1 - all.lost);
          for (double& v : rate->samples) v = rated;
        }
    fmt::print("{}, {} threads: read {:.1f} GB/s, int8 {:.0f} GOP/s, f32 {:.0f} GFLOP/s\n",
               isa_name(isa_level()), threads, roof.read_gb_s.median(), roof.int8_gop_s.median(),
               roof.f32_gflop_s.median());
    for (const auto& [rows, cols] : o.shapes)
      for (Type type : o.types)
        for (int tokens : o.tokens) measure(o, pool, roof, type, rows, cols, tokens);
  }
}

}  // namespace
}  // namespace strata::kernel

int main(int argc, char** argv) {
  strata::kernel::run(strata::kernel::parse(argc, argv));
  return 0;
}
