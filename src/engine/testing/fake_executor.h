// An executor without a model: every KV slot remembers its token and a hash of all tokens up to it,
// and logits follow from that hash. A block that is lost, shared or copied wrongly changes the
// output, and is found when it is read.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <vector>

#include "base/check.h"
#include "engine/kv/kv_shape.h"
#include "engine/step.h"

namespace strata::engine::testing {

inline uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) + 0x9e3779b97f4a7c15;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

/// Logits after a prefix with this hash: in [-4, 4).
inline void fake_logits(uint64_t hash, int n_vocab, float* out) {
  for (int i = 0; i < n_vocab; ++i) out[i] = float(mix(hash, i + 1) >> 40) * 0x1p-21f - 4;
}

inline uint64_t prefix_hash(std::span<const Token> tokens) {
  uint64_t h = 0;
  for (Token t : tokens) h = mix(h, uint64_t(t));
  return h;
}

class FakeKv {
  struct Slot {
    Token token = -1;
    uint32_t unused = 0;      // no bytes are left to chance
    uint64_t hash = 0;
  };

 public:
  static constexpr size_t kBytes = sizeof(Slot) * kBlock;   // of a page

  /// Windows reach back a block at least. `n_state`: slots of a state that is the hash of all
  /// tokens before; 0: none.
  explicit FakeKv(const KvShape& shape, int n_state = 0)
      : shape_(shape), slots_(size_t(shape.n_page) * kBlock), states_(n_state) {}

  /// Writes the tokens of one sequence and returns the prefix hash after each of the last n_logits.
  /// Throws std::logic_error when the cache does not hold what it should.
  void write(const StepSequence& s, std::span<const Token> tokens, const PageMap& pages,
             std::vector<uint64_t>& hashes) {
    if (int(s.blocks.size()) * kBlock < s.n_past + s.n_token) throw std::logic_error("table short");
    uint64_t h = states_.empty() || s.n_past == 0 ? 0 : states_.at(s.state);
    int column = 0;
    for (const KvGroup& g : shape_.groups)
      for (int i = 0; i < g.n_page; ++i, ++column) {
        const uint64_t before = read_back(s, g, pages, column);
        if (column > 0 && before != h) throw std::logic_error("groups hold different prefixes");
        if (!states_.empty() && before != h && s.n_past > 0)
          throw std::logic_error("the state is another prefix's");
        h = before;
      }
    auto mark = s.marks.begin();
    for (int i = 0; i < s.n_token; ++i) {
      Token token = tokens[s.first_token + i];
      h = mix(h, uint64_t(token));
      for (; mark != s.marks.end() && mark->n_token == i + 1; ++mark) states_.at(mark->slot) = h;
      for (int c = 0; c < shape_.block_pages(); ++c) at(s, pages, c, s.n_past + i) = {token, 0, h};
      if (i >= s.n_token - s.n_logits) hashes.push_back(h);
    }
    if (mark != s.marks.end()) throw std::logic_error("a mark outside the slice");
    if (!states_.empty()) states_.at(s.state) = h;
  }
  void copy_state(int32_t from, int32_t to) { states_.at(to) = states_.at(from); }
  void read(int32_t page, uint8_t* out) const {
    std::memcpy(out, &slots_[size_t(page) * kBlock], kBytes);
  }
  void write(int32_t page, const uint8_t* bytes) {
    std::memcpy(&slots_[size_t(page) * kBlock], bytes, kBytes);
  }
  void copy(int32_t from, int32_t to) {
    STRATA_CHECK(from != to);
    std::copy_n(slots_.begin() + size_t(from) * kBlock, kBlock,
                slots_.begin() + size_t(to) * kBlock);
  }

 private:
  Slot& at(const StepSequence& s, const PageMap& pages, int column, int position) {
    const int32_t page = pages.column(column)[s.blocks[position / kBlock]];
    if (page < 0) throw std::logic_error("a position without a page");
    return slots_[size_t(page) * kBlock + position % kBlock];
  }
  /// The hash of all tokens before, as the column has it.
  uint64_t read_back(const StepSequence& s, const KvGroup& g, const PageMap& pages, int column) {
    const int first = g.has_window() ? std::max(0, s.n_past / kBlock - g.reach) * kBlock : 0;
    uint64_t h = 0;
    for (int i = first; i < s.n_past; ++i) {
      const Slot& slot = at(s, pages, column, i);
      h = i == first && first > 0 ? slot.hash : mix(h, uint64_t(slot.token));
      if (slot.hash != h) throw std::logic_error("a position holds another prefix");
    }
    return h;
  }

  KvShape shape_;
  std::vector<Slot> slots_;
  std::vector<uint64_t> states_;
};

struct FakeOptions {
  int n_vocab = 97, n_block = 64, max_tokens = 64, max_logits = 64, threads = 2, n_state = 0;
  KvShape kv = {};   // no groups: n_block blocks of a page each
  KvShape shape() const { return kv.groups.empty() ? KvShape::plain(n_block) : kv; }
};

class FakeExecutor : public StepExecutor {
 public:
  explicit FakeExecutor(const FakeOptions& options)
      : options_(options), shape_(options.shape()), kv_(shape_, options.n_state),
        pool_({.threads = options.threads, .cpus = {}, .pin = false, .spin_us = 0}) {}

  const float* run(const StepBatch& batch) override {
    if (before_run) before_run(batch);
    STRATA_CHECK(int(batch.tokens.size()) <= options_.max_tokens);
    std::vector<uint64_t> hashes;
    for (const StepSequence& s : batch.sequences) kv_.write(s, batch.tokens, batch.pages, hashes);
    STRATA_CHECK(int(hashes.size()) <= options_.max_logits);
    logits_.resize(hashes.size() * options_.n_vocab + 1);
    for (size_t i = 0; i < hashes.size(); ++i)
      fake_logits(hashes[i], options_.n_vocab, &logits_[i * options_.n_vocab]);
    if (after_run) after_run(batch, logits_);
    n_computed += batch.tokens.size();
    return logits_.data();
  }
  void copy_page(int32_t from, int32_t to) override { kv_.copy(from, to); }
  size_t page_bytes() const override { return FakeKv::kBytes; }
  void read_page(int32_t page, uint8_t* out) const override { kv_.read(page, out); }
  void write_page(int32_t page, const uint8_t* bytes) override { kv_.write(page, bytes); }
  void copy_state(int32_t from, int32_t to) override { kv_.copy_state(from, to); }
  int n_state() const override { return options_.n_state; }
  int n_vocab() const override { return options_.n_vocab; }
  const KvShape& kv() const override { return shape_; }
  int max_tokens() const override { return options_.max_tokens; }
  int max_logits() const override { return options_.max_logits; }
  ThreadPool& pool() override { return pool_; }

  /// Called on the engine's thread; may throw.
  std::function<void(const StepBatch&)> before_run;
  std::function<void(const StepBatch&, std::vector<float>&)> after_run;
  std::atomic<uint64_t> n_computed{0};

 private:
  FakeOptions options_;
  KvShape shape_;
  FakeKv kv_;
  ThreadPool pool_;
  std::vector<float> logits_;
};

}  // namespace strata::engine::testing
