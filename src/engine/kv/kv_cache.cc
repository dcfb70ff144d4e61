#include "engine/kv/kv_cache.h"

#include "base/check.h"

namespace strata::engine {

KvCache::KvCache(int n_block, bool prefix_caching) : pool_(n_block) {
  if (prefix_caching) tree_.emplace(n_block);
}

int32_t KvCache::allocate() {
  if (pool_.free() == 0 && tree_) {
    int32_t evicted = tree_->evict();
    if (evicted >= 0) pool_.release(evicted);
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

int32_t KvCache::last(const std::vector<int32_t>& table, size_t n) const {
  return n == 0 ? tree_->root() : table[n - 1];
}

void KvCache::match(std::span<const Token> tokens, std::vector<int32_t>& table) {
  if (!tree_) return;
  STRATA_CHECK(table.empty());
  for (; tokens.size() >= size_t(kBlock); tokens = tokens.subspan(kBlock)) {
    int32_t block = tree_->find(last(table, table.size()), tokens.first(kBlock));
    if (block < 0) return;
    retain(block);
    table.push_back(block);
  }
}

PrefixTree::Partial KvCache::match_partial(std::span<const Token> rest,
                                           const std::vector<int32_t>& table) {
  if (!tree_) return {};
  auto partial = tree_->find_partial(last(table, table.size()), rest);
  if (partial.block >= 0) tree_->touch(partial.block);
  return partial;
}

void KvCache::commit(std::span<const Token> tokens, std::vector<int32_t>& table, int i) {
  if (!tree_) return;
  int32_t parent = last(table, i);
  int32_t known = tree_->find(parent, tokens);
  if (known == table[i]) return;
  if (known >= 0) {
    retain(known);
    release(table[i]);
    table[i] = known;
  } else {
    tree_->insert(parent, tokens, table[i]);
    pool_.retain(table[i]);
  }
}

}  // namespace strata::engine
