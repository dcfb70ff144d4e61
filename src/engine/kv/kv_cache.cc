#include "engine/kv/kv_cache.h"

#include "base/check.h"

namespace strata::engine {

KvCache::KvCache(int n_block, bool prefix_caching, BlockIo& io, TierStore* tiers, int n_state)
    : pool_(n_block), io_(&io), tiers_(prefix_caching && n_state == 0 ? tiers : nullptr),
      uses_(n_block, 0) {
  if (n_state > 0) states_.emplace(n_state, n_block);
  if (prefix_caching) tree_.emplace(n_block);
  if (tiers_) keys_.resize(n_block);
}

int32_t KvCache::allocate() {
  if (pool_.free() == 0 && tree_) {
    const int32_t evicted = tree_->evict();
    if (evicted >= 0) {
      if (tiers_ && uses_[evicted] >= kUsesKept)
        tiers_->keep(keys_[evicted], tree_->tokens(evicted), evicted);
      if (states_) states_->drop(evicted);
      pool_.release(evicted);
    }
  }
  return pool_.allocate();
}

void KvCache::retain(int32_t block) {
  if (in_tree(block) && sequences(block) == 0) tree_->set_busy(block);
  pool_.retain(block);
}

void KvCache::release(int32_t block) {
  pool_.release(block);
  if (in_tree(block) && sequences(block) == 0) tree_->set_idle(block);
}

void KvCache::release(std::vector<int32_t>& table) {
  while (!table.empty()) {
    release(table.back());
    table.pop_back();
  }
}

void KvCache::preempt(std::vector<int32_t>& table) {
  for (int32_t block : table)
    if (in_tree(block)) uses_[block] = std::max(uses_[block], kUsesKept);
  release(table);
}

int32_t KvCache::last(const std::vector<int32_t>& table, size_t n) const {
  return n == 0 ? tree_->root() : table[n - 1];
}

/// Of the n-th block's parent.
const BlockKey& KvCache::key_of(const std::vector<int32_t>& table, size_t n,
                                uint64_t salt) const {
  return n == 0 ? tiers_->model_root(salt) : keys_[table[n - 1]];
}

void KvCache::used_again(int32_t block) {
  if (++uses_[block] == kUsesKept && tiers_)
    tiers_->persist(keys_[block], tree_->tokens(block), block);
}

void KvCache::match(std::span<const Token> tokens, uint64_t salt, std::vector<int32_t>& table) {
  if (!tree_) return;
  STRATA_CHECK(table.empty());
  for (; tokens.size() >= size_t(kBlock); tokens = tokens.subspan(kBlock)) {
    const auto full = tokens.first(kBlock);
    const int32_t block = tree_->find(last(table, table.size()), full, table.empty() ? salt : 0);
    if (block >= 0) {
      retain(block);
      table.push_back(block);
      used_again(block);
    } else if (!tiers_ || !bring_back(full, salt, table)) {
      break;
    }
  }
  while (states_ && !table.empty() && !states_->has(table.back())) {
    release(table.back());
    table.pop_back();
  }
}

int32_t KvCache::take_state(const std::vector<int32_t>& table) {
  const int32_t snapshot = table.empty() ? -1 : states_->find(table.back());
  STRATA_CHECK(table.empty() || snapshot >= 0);
  const int32_t slot = states_->take();
  STRATA_CHECK(slot >= 0);
  // The snapshot itself, if nothing else could be given up.
  if (snapshot >= 0 && snapshot != slot) io_->copy_state(snapshot, slot);
  return slot;
}

int32_t KvCache::fork_state(int32_t slot) {
  const int32_t copy = states_->take();
  STRATA_CHECK(copy >= 0);
  io_->copy_state(slot, copy);
  return copy;
}

void KvCache::keep_state(int32_t block, int32_t slot) {
  if (in_tree(block))
    states_->attach(block, slot);
  else
    states_->give(slot);
}

/// From memory into a block of the pool, as if it had been computed.
bool KvCache::bring_back(std::span<const Token> tokens, uint64_t salt,
                         std::vector<int32_t>& table) {
  const BlockKey key = child_key(key_of(table, table.size(), salt), tokens);
  if (!tiers_->in_ram(key)) return false;
  const int32_t block = allocate();
  if (block < 0) return false;
  if (!tiers_->load(key, tokens, block)) {   // dropped to make room for the evicted one
    pool_.release(block);
    return false;
  }
  insert(tokens, salt, table, table.size(), block, kUsesKept);
  table.push_back(block);
  return true;
}

PrefixTree::Partial KvCache::match_partial(std::span<const Token> rest, uint64_t salt,
                                           const std::vector<int32_t>& table) {
  if (!tree_) return {};
  auto partial =
      tree_->find_partial(last(table, table.size()), rest, table.empty() ? salt : 0);
  if (partial.block >= 0) tree_->touch(partial.block);
  return partial;
}

void KvCache::insert(std::span<const Token> tokens, uint64_t salt,
                     const std::vector<int32_t>& table, size_t n, int32_t block, int uses) {
  tree_->insert(last(table, n), tokens, block, n == 0 ? salt : 0);
  pool_.retain(block);
  uses_[block] = uses;
  if (tiers_) keys_[block] = child_key(key_of(table, n, salt), tokens);
}

void KvCache::commit(std::span<const Token> tokens, uint64_t salt, std::vector<int32_t>& table,
                     int i) {
  if (!tree_) return;
  const int32_t known = tree_->find(last(table, i), tokens, i == 0 ? salt : 0);
  if (known == table[i]) return;
  if (known >= 0) {
    retain(known);
    release(table[i]);
    table[i] = known;
    used_again(known);
  } else {
    insert(tokens, salt, table, i, table[i], 1);
  }
}

std::vector<TierStore::Wanted> KvCache::on_disk(std::span<const Token> tokens, uint64_t salt,
                                                size_t most) const {
  std::vector<TierStore::Wanted> wanted;
  if (!tiers_) return wanted;
  int32_t parent = tree_->root();
  BlockKey key = tiers_->model_root(salt);
  for (bool first = true; tokens.size() >= size_t(kBlock) && wanted.size() < most;
       tokens = tokens.subspan(kBlock), first = false) {
    const auto full = tokens.first(kBlock);
    if (parent >= 0) parent = tree_->find(parent, full, first ? salt : 0);
    key = parent >= 0 ? keys_[parent] : child_key(key, full);
    if (parent >= 0 || tiers_->in_ram(key)) continue;
    if (!tiers_->on_disk(key)) break;
    wanted.push_back({key, {full.begin(), full.end()}});
  }
  return wanted;
}

}  // namespace strata::engine
