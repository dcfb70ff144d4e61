// Deterministic mutations of a valid input: what a parser must survive.
#pragma once
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace strata::model::testing {

using Bytes = std::vector<uint8_t>;

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : state_(seed) {}

  /// One to four mutations of `valid`: truncation, bit flips, edits of length-like fields, splices
  /// of itself, insertions, deletions. Positions fall into the first `focus` bytes.
  Bytes operator()(const Bytes& valid, size_t focus) {
    Bytes out = valid;
    for (uint64_t n = 1 + below(4); n > 0 && !out.empty(); --n) mutate(out, focus);
    return out;
  }

  uint64_t below(uint64_t n) { return next() % n; }

 private:
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  void mutate(Bytes& b, size_t focus) {
    const size_t at = below(std::min(focus, b.size()));
    const size_t left = b.size() - at;
    switch (below(8)) {
      case 0:
        b.resize(at);
        break;
      case 1:
      case 2:
        b[at] ^= 1 << below(8);
        break;
      case 3:
        b[at] = static_cast<uint8_t>(next());
        break;
      case 4:
      case 5: {
        const uint64_t value = interesting();
        std::memcpy(b.data() + at, &value, std::min<size_t>(left, below(2) ? 8 : 4));
        break;
      }
      case 6: {
        const size_t from = below(b.size());
        const size_t size = std::min({left, b.size() - from, size_t{1} + below(64)});
        std::memmove(b.data() + at, b.data() + from, size);
        break;
      }
      case 7: {
        const size_t size = std::min(left, size_t{1} + below(16));
        if (below(2)) {
          b.erase(b.begin() + at, b.begin() + at + size);
        } else {
          const Bytes copy(b.begin() + at, b.begin() + at + size);
          b.insert(b.begin() + at, copy.begin(), copy.end());
        }
        break;
      }
    }
  }

  uint64_t interesting() {
    static constexpr uint64_t kValues[] = {
        0, 1, 2, 7, 16, 255, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
        0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffff0,
        0x2020202020202020, 0x3030303030303030, 0x7b7b7b7b7b7b7b7b, 0x5b5b5b5b5b5b5b5b};
    return below(4) ? kValues[below(std::size(kValues))] : below(1 << 20);
  }

  uint64_t state_;
};

/// For its life the process may map only so much more memory: an unbounded allocation becomes a
/// std::bad_alloc. Sanitizers reserve terabytes, so there it has no effect.
class MemoryLimit {
 public:
  explicit MemoryLimit([[maybe_unused]] size_t more_bytes) {
    getrlimit(RLIMIT_AS, &before_);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    long pages = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
      if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
      std::fclose(file);
    }
    if (pages == 0) return;
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(pages) * sysconf(_SC_PAGESIZE) + more_bytes;
    setrlimit(RLIMIT_AS, &limit);
#endif
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
  MemoryLimit(const MemoryLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace strata::model::testing
