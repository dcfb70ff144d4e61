#include "kernel/roofline.h"

#include <algorithm>
#include <atomic>

#include "base/arena.h"
#include "base/clock.h"
#include "base/topology.h"

#define STRATA_KERNEL "kernel/roofline.cc"
#define STRATA_LEVELS_ALL
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

static constexpr int kChains = 12;   // independent accumulators: latency x throughput of every core

static uint32_t read_all(const uint8_t* p, size_t bytes) {
  I a = I::zero(), b = a, c = a, d = a;
  for (size_t i = 0; i + 256 <= bytes; i += 256) {
    a = add32(a, I::load(p + i));
    b = add32(b, I::load(p + i + 64));
    c = add32(c, I::load(p + i + 128));
    d = add32(d, I::load(p + i + 192));
  }
  return static_cast<uint32_t>(reduce_add(add32(add32(a, b), add32(c, d))));
}

// Operations: steps * kChains * 64 * 2.
static uint32_t int8_chain(int64_t steps) {
  I acc[kChains], w = I::set1_u8(3), x = I::set1_u8(5);
  STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = I::set1(i);
  for (int64_t s = 0; s < steps; ++s) {
    STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = dot4_small(acc[i], w, x);
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL for (int i = 1; i < kChains; ++i) acc[0] = add32(acc[0], acc[i]);
  return static_cast<uint32_t>(reduce_add(acc[0]));
}

// Operations: steps * kChains * 32 * 2.
static uint32_t bf16_chain(int64_t steps) {
  F acc[kChains];
  I w = I::set1(0x3f803f80), x = I::set1(0x3c003c00);
  STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = F::set1(float(i));
  for (int64_t s = 0; s < steps; ++s) {
    STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = dot2_bf16(acc[i], w, x);
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL for (int i = 1; i < kChains; ++i) acc[0] = acc[0] + acc[i];
  return static_cast<uint32_t>(reduce_add(acc[0]));
}

// Operations: steps * kChains * 16 * 2.
static uint32_t f32_chain(int64_t steps) {
  F acc[kChains], a = F::set1(0.999f), b = F::set1(0.001f);
  STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = F::set1(float(i));
  for (int64_t s = 0; s < steps; ++s) {
    STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = fma(acc[i], a, b);
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL for (int i = 1; i < kChains; ++i) acc[0] = acc[0] + acc[i];
  return static_cast<uint32_t>(reduce_add(acc[0]));
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {
namespace {

// Keeps the measured loops' results alive.
std::atomic<uint32_t> g_sink{0};

template <class F>
double timed(ThreadPool& pool, F&& work) {
  const double start = now_s();
  pool.run([&](int t) { g_sink.fetch_add(work(t), std::memory_order_relaxed); });
  return now_s() - start;
}

// A run long enough (about 40 ms) that starting the threads does not count.
Rate arithmetic(ThreadPool& pool, uint32_t (*chain)(int64_t), double operations, int repetitions) {
  int64_t steps = 1 << 14;
  while (timed(pool, [&](int) { return chain(steps); }) < 0.02) steps *= 2;
  Rate rate;
  for (int i = 0; i < repetitions; ++i) {
    const double s = timed(pool, [&](int) { return chain(steps); });
    rate.samples.push_back(operations * 12 * static_cast<double>(steps) * pool.size() / s / 1e9);
  }
  std::sort(rate.samples.begin(), rate.samples.end());
  return rate;
}

}  // namespace

double measure_read_gb_s(ThreadPool& pool, const uint8_t* data, size_t bytes) {
  const auto read = STRATA_PICK(read_all);
  const double s = timed(pool, [&](int t) {
    const auto [begin, end] = split_evenly(static_cast<int64_t>(bytes), t, pool.size(), 4096);
    return read(data + begin, static_cast<size_t>(end - begin));
  });
  return static_cast<double>(bytes) / s / 1e9;
}

Roofline measure_roofline(ThreadPool& pool, int repetitions, size_t buffer_bytes) {
  if (buffer_bytes == 0) {
    buffer_bytes = std::max<size_t>(topology().l3_total_bytes * 4, size_t{256} << 20);
    buffer_bytes = std::min(buffer_bytes, memory_available() / 8);
  }
  Roofline r{.threads = pool.size(), .read_gb_s = {}, .int8_gop_s = {}, .bf16_gflop_s = {},
             .f32_gflop_s = {}};
  {
    const Memory buffer(buffer_bytes);
    pool.run([&](int t) {   // every page written once, by the thread that will read it
      const auto [begin, end] =
          split_evenly(static_cast<int64_t>(buffer_bytes), t, pool.size(), 4096);
      std::memset(buffer.data() + begin, t + 1, static_cast<size_t>(end - begin));
    });
    measure_read_gb_s(pool, buffer.data(), buffer_bytes);
    for (int i = 0; i < repetitions; ++i)
      r.read_gb_s.samples.push_back(measure_read_gb_s(pool, buffer.data(), buffer_bytes));
    std::sort(r.read_gb_s.samples.begin(), r.read_gb_s.samples.end());
  }
  r.int8_gop_s = arithmetic(pool, STRATA_PICK(int8_chain), 64 * 2, repetitions);
  r.bf16_gflop_s = arithmetic(pool, STRATA_PICK(bf16_chain), 32 * 2, repetitions);
  r.f32_gflop_s = arithmetic(pool, STRATA_PICK(f32_chain), 16 * 2, repetitions);
  return r;
}

}  // namespace strata::kernel
#endif
