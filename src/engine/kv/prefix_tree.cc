#include "engine/kv/prefix_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <utility>

#include "base/check.h"

namespace strata::engine {

namespace {

uint64_t fold(uint64_t a, uint64_t b) {
  auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t random_key() {
  std::random_device device;
  return (uint64_t(device()) << 32) | device();
}

bool equal(std::span<const Token> a, std::span<const Token> b) {
  return std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

int shared_lead(std::span<const Token> a, std::span<const Token> b) {
  size_t n = std::min(a.size(), b.size()), i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return static_cast<int>(i);
}

}  // namespace

PrefixTree::PrefixTree(int n_block)
    : n_block_(n_block), mask_(std::bit_ceil(uint64_t(n_block) * 2 + 2) - 1), key_(random_key()),
      nodes_(size_t(n_block) + 1), tokens_(size_t(n_block) * kBlock), full_(mask_ + 1, -1),
      lead_(mask_ + 1, -1) {
  nodes_[n_block].hash = key_;
}

uint64_t PrefixTree::hash(int32_t parent, uint64_t salt, std::span<const Token> tokens) const {
  uint64_t h = fold(nodes_[parent].hash ^ key_, salt | 1) ^ salt;
  for (size_t i = 0; i + 1 < tokens.size(); i += 2) {
    uint64_t pair = (uint64_t(uint32_t(tokens[i])) << 32) | uint32_t(tokens[i + 1]);
    h = fold(h ^ pair ^ 0x9e3779b97f4a7c15, key_ | 1) + pair;
  }
  return fold(h ^ 0xd6e8feb86659fd93, 0xa0761d6478bd642f);
}

std::span<const Token> PrefixTree::tokens(int32_t block) const {
  return {tokens_.data() + size_t(block) * kBlock, size_t(kBlock)};
}

int32_t PrefixTree::find(int32_t parent, std::span<const Token> tokens, uint64_t salt) const {
  uint64_t h = hash(parent, salt, tokens);
  for (int32_t b = full_[h & mask_]; b >= 0; b = nodes_[b].next_full)
    if (nodes_[b].hash == h && nodes_[b].parent == parent && nodes_[b].salt == salt &&
        equal(this->tokens(b), tokens))
      return b;
  return -1;
}

PrefixTree::Partial PrefixTree::find_partial(int32_t parent, std::span<const Token> tokens,
                                             uint64_t salt) const {
  Partial best;
  if (tokens.size() < size_t(kPartialMin)) return best;
  auto lead = tokens.first(kPartialMin);
  uint64_t h = hash(parent, salt, lead);
  int scan = kPartialScan;
  for (int32_t b = lead_[h & mask_]; b >= 0 && scan > 0; b = nodes_[b].next_lead) {
    if (nodes_[b].lead != h || nodes_[b].parent != parent || nodes_[b].salt != salt) continue;
    --scan;
    int n = shared_lead(this->tokens(b), tokens);
    if (n >= kPartialMin && n > best.n_token) best = {b, n};
  }
  return best;
}

void PrefixTree::insert(int32_t parent, std::span<const Token> tokens, int32_t block,
                        uint64_t salt) {
  STRATA_CHECK(!contains(block) && tokens.size() == size_t(kBlock));
  STRATA_CHECK(parent == root() || contains(parent));
  Node& node = nodes_[block];
  node = {};
  node.parent = parent;
  node.salt = salt;
  node.hash = hash(parent, salt, tokens);
  node.lead = hash(parent, salt, tokens.first(kPartialMin));
  std::copy(tokens.begin(), tokens.end(), tokens_.begin() + size_t(block) * kBlock);
  node.next_full = std::exchange(head_full(node.hash), block);
  node.next_lead = std::exchange(head_lead(node.lead), block);
  ++nodes_[parent].n_child;
  ++n_node_;
}

void PrefixTree::set_idle(int32_t block) {
  Node& node = nodes_[block];
  STRATA_CHECK(contains(block) && !node.idle);
  node.idle = true;
  node.older = newest_;
  node.newer = -1;
  (newest_ >= 0 ? nodes_[newest_].newer : oldest_) = block;
  newest_ = block;
  ++n_idle_;
}

void PrefixTree::set_busy(int32_t block) {
  Node& node = nodes_[block];
  STRATA_CHECK(contains(block) && node.idle);
  (node.older >= 0 ? nodes_[node.older].newer : oldest_) = node.newer;
  (node.newer >= 0 ? nodes_[node.newer].older : newest_) = node.older;
  node.idle = false;
  --n_idle_;
}

void PrefixTree::touch(int32_t block) {
  // Its parent would fall behind it in the list and look like a leaf if that were idle as well.
  const Node& node = nodes_[block];
  bool parent_idle = node.parent != root() && nodes_[node.parent].idle;
  if (!node.idle || parent_idle) return;
  set_busy(block);
  set_idle(block);
}

int32_t PrefixTree::evict() {
  int32_t block = oldest_;
  if (block < 0) return -1;
  Node& node = nodes_[block];
  STRATA_CHECK(node.n_child == 0);
  set_busy(block);
  auto unlink = [&](int32_t& head, int32_t Node::*next) {
    int32_t* link = &head;
    while (*link != block) link = &(nodes_[*link].*next);
    *link = node.*next;
  };
  unlink(head_full(node.hash), &Node::next_full);
  unlink(head_lead(node.lead), &Node::next_lead);
  --nodes_[node.parent].n_child;
  --n_node_;
  node = {};
  return block;
}

}  // namespace strata::engine
