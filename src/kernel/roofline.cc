#include "kernel/roofline.h"

#include <algorithm>
#include <atomic>
#include <iterator>

#include "base/arena.h"
#include "base/clock.h"
#include "base/topology.h"

#define STRATA_KERNEL "kernel/roofline.cc"
#define STRATA_LEVELS_ALL
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

// Multiply-adds of vectors a step, on so many independent accumulators that latency is hidden and
// all fit into the registers (32 of one vector; else 16 of half a vector or 32 of a quarter).
static constexpr int kStepVectors = 12;
#ifdef STRATA_VNNI
static constexpr int kChains = 12;
#else
static constexpr int kChains = 6;
#endif

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

// The operands lie in memory and differ from lane to lane and chain to chain: what is alike, or
// does not change, the compiler would compute once for all.

// Operations: steps * kStepVectors * 64 * 2.
static uint32_t int8_chain(int64_t steps, const uint8_t* operands) {
  I acc[kChains];
  const I w = I::load(operands);
  STRATA_UNROLL for (int i = 0; i < kChains; ++i) acc[i] = I::load(operands + 64 * i);
  for (int64_t s = 0; s < steps * (kStepVectors / kChains); ++s) {
    STRATA_UNROLL for (int i = 0; i < kChains; ++i)
      acc[i] = dot4_small(acc[i], w, I::load(operands + 64 * i));
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL for (int i = 1; i < kChains; ++i) acc[0] = add32(acc[0], acc[i]);
  return static_cast<uint32_t>(reduce_add(acc[0]));
}

// Operations: steps * kStepVectors * 32 * 2.
static uint32_t bf16_chain(int64_t steps, const uint8_t* operands) {
  F acc[kChains];
  const I w = I::load(operands);
  STRATA_UNROLL for (int i = 0; i < kChains; ++i)
    acc[i] = F::load(reinterpret_cast<const float*>(operands + 64 * i));
  for (int64_t s = 0; s < steps * (kStepVectors / kChains); ++s) {
    STRATA_UNROLL for (int i = 0; i < kChains; ++i)
      acc[i] = dot2_bf16(acc[i], w, I::load(operands + 64 * i));
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL for (int i = 1; i < kChains; ++i) acc[0] = acc[0] + acc[i];
  return reduce_add(acc[0]) > 0;
}

// Operations: steps * kStepVectors * 16 * 2.
static uint32_t f32_chain(int64_t steps, const uint8_t* operands) {
  F acc[kChains];
  const F w = F::load(reinterpret_cast<const float*>(operands + 0));
  STRATA_UNROLL for (int i = 0; i < kChains; ++i)
    acc[i] = F::load(reinterpret_cast<const float*>(operands + 64 * i));
  for (int64_t s = 0; s < steps * (kStepVectors / kChains); ++s) {
    STRATA_UNROLL for (int i = 0; i < kChains; ++i)
      acc[i] = fma(acc[i], w, as_f(I::load(operands + 64 * i)));
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL for (int i = 1; i < kChains; ++i) acc[0] = acc[0] + acc[i];
  return reduce_add(acc[0]) > 0;
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

using Chain = uint32_t (*)(int64_t steps, const uint8_t* operands);

// `lanes`: of one vector, of which a step multiplies 12. `fill(i)`: element i of the operands.
// A run takes about 40 ms, so that starting the threads does not count.
template <class Element, class Fill>
Rate arithmetic(ThreadPool& pool, Chain chain, int lanes, int repetitions, Fill&& fill) {
  alignas(64) Element operands[64 * 12 / sizeof(Element)];
  for (size_t i = 0; i < std::size(operands); ++i) operands[i] = fill(static_cast<int>(i));
  const auto run = [&](int64_t steps) {
    return timed(pool, [&](int) {
      return chain(steps, reinterpret_cast<const uint8_t*>(operands));
    });
  };
  int64_t steps = 1 << 14;
  while (run(steps) < 0.02) steps *= 2;
  Rate rate;
  for (int i = 0; i < repetitions; ++i)
    rate.samples.push_back(2.0 * 12 * lanes * static_cast<double>(steps) * pool.size() /
                           run(steps) / 1e9);
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
  // Ordinary values: no infinity, no denormal number.
  r.int8_gop_s = arithmetic<uint8_t>(pool, STRATA_PICK(int8_chain), 64, repetitions,
                                     [](int i) { return static_cast<uint8_t>(i % 127); });
  r.bf16_gflop_s = arithmetic<uint16_t>(pool, STRATA_PICK(bf16_chain), 32, repetitions,
                                        [](int i) { return static_cast<uint16_t>(0x3c00 + i); });
  r.f32_gflop_s = arithmetic<float>(pool, STRATA_PICK(f32_chain), 16, repetitions,
                                    [](int i) { return 0.5f + 0.001f * static_cast<float>(i); });
  return r;
}

}  // namespace strata::kernel
#endif
