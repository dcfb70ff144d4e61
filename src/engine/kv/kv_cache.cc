#include "engine/kv/kv_cache.h"

#include <algorithm>

#include "base/check.h"

namespace strata::engine {

using Fate = BlockPages::Fate;

KvCache::KvCache(const KvShape& shape, bool prefix_caching, PageIo& io, TierStore* tiers,
                 int n_state)
    : shape_(shape), pool_(shape.n_block), pages_(shape), io_(&io),
      tiers_(prefix_caching && n_state == 0 ? tiers : nullptr), uses_(shape.n_block, 0),
      run_(shape.groups.size()) {
  if (n_state > 0) states_.emplace(n_state, shape.n_block);
  if (prefix_caching) tree_.emplace(shape.n_block);
  if (tiers_) keys_.resize(shape.n_block);
}

KvRoom KvCache::available() const {
  const int64_t idle = cached();
  return {pool_.free() + idle, pages_.free() + pages_.cached() + idle * shape_.bare_pages()};
}

/// What a running sequence left behind goes first, then whole blocks, then what is kept of blocks
/// in use.
bool KvCache::make_room(const KvRoom& need) {
  if (!available().covers(need)) return false;
  while (pages_.free() < need.pages)
    STRATA_CHECK(pages_.drop_spare() || evict_block() || pages_.drop_kept());
  while (pool_.free() < need.blocks) STRATA_CHECK(evict_block());
  return true;
}

bool KvCache::evict_block() {
  const int32_t evicted = tree_ ? tree_->evict() : -1;
  if (evicted < 0) return false;
  if (tiers_ && uses_[evicted] >= kUsesKept)
    tiers_->keep(keys_[evicted], tree_->tokens(evicted), pages_to_store(evicted));
  if (states_) states_->drop(evicted);
  pages_.drop(evicted);
  pool_.release(evicted);
  return true;
}

int32_t KvCache::allocate() {
  if (!make_room(shape_.whole(1))) return -1;
  const int32_t block = pool_.allocate();
  for (int g = 0; g < n_group(); ++g) pages_.fill(block, g);
  return block;
}

void KvCache::own(int32_t block) {
  if (in_tree(block) && sequences(block) == 0) tree_->set_busy(block);
  pool_.retain(block);
}

void KvCache::disown(int32_t block) {
  if (pool_.release(block) == 0)
    pages_.drop(block);
  else if (in_tree(block) && sequences(block) == 0)
    tree_->set_idle(block);
}

void KvCache::unwant(int32_t block, int group, bool useful) {
  pages_.unwant(block, group, !in_tree(block) ? Fate::freed : useful ? Fate::kept : Fate::spare);
}

bool KvCache::extend(BlockTable& table) {
  const int32_t block = allocate();
  if (block < 0) return false;
  table.blocks.push_back(block);
  return true;
}

void KvCache::copy_pages(int32_t from, int32_t to) {
  for (int c = 0; c < shape_.block_pages(); ++c)
    if (pages_.page(from, c) >= 0 && pages_.page(to, c) >= 0)
      io_->copy_page(pages_.page(from, c), pages_.page(to, c));
}

bool KvCache::make_own(BlockTable& table, int i) {
  const int32_t copy = allocate();
  if (copy < 0) return false;
  const int32_t before = table.blocks[i];
  copy_pages(before, copy);
  for (int g = 0; g < n_group(); ++g) {
    if (!shape_.groups[g].has_window()) continue;
    if (i >= table.first(shape_.groups[g])) unwant(before, g, true);
    else pages_.unwant(copy, g, Fate::freed);
  }
  disown(before);
  table.blocks[i] = copy;
  return true;
}

void KvCache::share(const BlockTable& from, BlockTable& to) {
  STRATA_CHECK(to.blocks.empty());
  to.blocks.assign(from.blocks.begin(), from.blocks.end());
  to.passed = from.passed;
  for (int i = 0; i < to.size(); ++i) {
    own(to.blocks[i]);
    for (int g = 0; g < n_group(); ++g)
      if (shape_.groups[g].has_window() && i >= to.first(shape_.groups[g]))
        pages_.want(to.blocks[i], g);
  }
}

void KvCache::pass(BlockTable& table, int n_past, std::span<const int> ends) {
  BlockTable& t = table;
  const int passed = n_past / kBlock;
  STRATA_CHECK(passed >= t.passed);
  for (int g = 0; g < n_group(); ++g) {
    const KvGroup& group = shape_.groups[g];
    if (!group.has_window()) continue;
    for (int i = t.first(group); i < std::min(passed - group.reach, t.size()); ++i) {
      const bool useful = std::any_of(ends.begin(), ends.end(), [&](int end) {
        return i < end && i >= end - group.reach;
      });
      unwant(t.blocks[i], g, useful);
    }
  }
  t.passed = passed;
}

void KvCache::release(BlockTable& table) {
  for (; !table.blocks.empty(); table.blocks.pop_back()) {
    const int32_t block = table.blocks.back();
    for (int g = 0; g < n_group(); ++g) {
      const KvGroup& group = shape_.groups[g];
      // A hit that was given up halfway lacks some.
      if (group.has_window() && table.size() > table.first(group) && pages_.held(block, g))
        unwant(block, g, true);
    }
    disown(block);
  }
  table.passed = 0;
}

void KvCache::preempt(BlockTable& table) {
  for (int32_t block : table.blocks)
    if (in_tree(block)) uses_[block] = std::max(uses_[block], kUsesKept);
  release(table);
}

int32_t KvCache::last(const BlockTable& table, int n) const {
  return n == 0 ? tree_->root() : table.blocks[n - 1];
}

/// Of the n-th block's parent.
const BlockKey& KvCache::key_of(const BlockTable& table, int n, uint64_t salt) const {
  return n == 0 ? tiers_->model_root(salt) : keys_[table.blocks[n - 1]];
}

bool KvCache::holds_windows(int32_t block) const {
  for (int g = 0; g < n_group(); ++g)
    if (!pages_.held(block, g)) return false;
  return true;
}

/// All pages of a block, or those of groups without a window.
std::span<const int32_t> KvCache::pages_to_store(int32_t block) {
  const int n = holds_windows(block) ? shape_.block_pages() : shape_.bare_pages();
  stored_.clear();
  for (int c = 0; c < n; ++c) stored_.push_back(pages_.page(block, c));
  return stored_;
}

void KvCache::used_again(int32_t block) {
  if (++uses_[block] == kUsesKept && tiers_)
    tiers_->persist(keys_[block], tree_->tokens(block), pages_to_store(block));
}

/// chain_ = what the tree knows of the prefix, then what one of `tiers` does.
void KvCache::trace(std::span<const Token> tokens, uint64_t salt,
                    std::initializer_list<Stored> tiers) {
  chain_.clear();
  for (; tokens.size() >= size_t(kBlock); tokens = tokens.subspan(kBlock)) {
    const auto full = tokens.first(kBlock);
    const bool first = chain_.empty();
    const int32_t parent = first ? tree_->root() : chain_.back().block;
    Link link;
    if (parent >= 0) link.block = tree_->find(parent, full, first ? salt : 0);
    if (link.block < 0 && !tiers_) return;
    if (tiers_ && link.block >= 0) link.key = keys_[link.block];
    if (tiers_ && link.block < 0)
      link.key = child_key(first ? tiers_->model_root(salt) : chain_.back().key, full);
    if (tiers_ && (link.block < 0 || !holds_windows(link.block))) {
      int most = TierStore::kAbsent;
      for (Stored stored : tiers) most = std::max(most, (tiers_->*stored)(link.key));
      if (link.block < 0 && most == TierStore::kAbsent) return;
      link.whole = most >= shape_.block_pages();
    }
    chain_.push_back(std::move(link));
  }
}

/// After how many of the chain's first `n` blocks the model could go on, at most.
int KvCache::hit_end(int n) {
  int end = 0;
  std::fill(run_.begin(), run_.end(), 0);
  for (int i = 0; i < n; ++i) {
    const Link& link = chain_[i];
    bool ready = !states_ || states_->has(link.block);
    for (int g = 0; g < n_group(); ++g) {
      const KvGroup& group = shape_.groups[g];
      if (!group.has_window()) continue;
      const bool there = link.whole || (link.block >= 0 && pages_.held(link.block, g));
      run_[g] = there ? run_[g] + 1 : 0;
      ready &= run_[g] >= std::min(i + 1, group.reach);
    }
    if (ready) end = i + 1;
  }
  return end;
}

/// Pages from a tier for the i-th of `end` blocks, which is new or lacks those of windows.
bool KvCache::load(const Link& link, std::span<const Token> tokens, int32_t block, int i,
                   int end) {
  stored_.assign(shape_.block_pages(), -1);
  int column = 0;
  for (int g = 0; g < n_group(); ++g) {
    const KvGroup& group = shape_.groups[g];
    const bool wanted = !group.has_window() || i >= end - group.reach;
    const bool missing = wanted && !pages_.held(block, g);
    if (missing) {
      pages_.fill(block, g);
      for (int c = column; c < column + group.n_page; ++c) stored_[c] = pages_.page(block, c);
    }
    column += group.n_page;
  }
  return tiers_->load(link.key, tokens.subspan(size_t(i) * kBlock, kBlock), stored_);
}

/// table = the chain's first `end` blocks. False: something was dropped meanwhile, or there is no
/// room; the table is empty then.
bool KvCache::take(std::span<const Token> tokens, uint64_t salt, BlockTable& table, int end) {
  table.passed = end;
  // What the tree has first, so that making room for the rest takes none of it.
  for (int i = 0; i < end && chain_[i].block >= 0; ++i) {
    const int32_t block = chain_[i].block;
    own(block);
    table.blocks.push_back(block);
    for (int g = 0; g < n_group(); ++g)
      if (shape_.groups[g].has_window() && i >= table.first(shape_.groups[g]) &&
          pages_.held(block, g))
        pages_.want(block, g);
  }
  const int known = table.size();
  for (int i = 0; i < end; ++i) {
    const Link& link = chain_[i];
    KvRoom need{link.block >= 0 ? 0 : 1, 0};
    for (int g = 0; g < n_group(); ++g) {
      const KvGroup& group = shape_.groups[g];
      const bool wanted = !group.has_window() || i >= table.first(group);
      if (wanted && (link.block < 0 || !pages_.held(link.block, g))) need.pages += group.n_page;
    }
    if (link.block >= 0 && need.pages == 0) continue;
    const bool room = make_room(need);
    const int32_t block = link.block >= 0 ? link.block : room ? pool_.allocate() : -1;
    if (!room || !load(link, tokens, block, i, end)) {
      if (link.block < 0 && room) {
        for (int g = 0; g < n_group(); ++g)
          if (shape_.groups[g].has_window() && pages_.held(block, g))
            pages_.unwant(block, g, Fate::freed);
        pages_.drop(block);
        pool_.release(block);
      } else if (room) {
        for (int g = 0, c = 0; g < n_group(); c += shape_.groups[g++].n_page)
          if (stored_[c] >= 0) pages_.unwant(block, g, Fate::freed);
      }
      release(table);
      return false;
    }
    if (link.block >= 0) continue;
    insert(tokens.subspan(size_t(i) * kBlock, kBlock), salt, table, i, block, kUsesKept);
    table.blocks.push_back(block);
  }
  for (int i = 0; i < known; ++i) used_again(table.blocks[i]);
  return true;
}

int KvCache::match(std::span<const Token> tokens, uint64_t salt, BlockTable& table) {
  if (!tree_) return 0;
  STRATA_CHECK(table.blocks.empty());
  trace(tokens, salt, {&TierStore::in_ram});
  const int known = static_cast<int>(chain_.size());
  if (!take(tokens, salt, table, hit_end(known))) {
    trace(tokens, salt, {});
    STRATA_CHECK(take(tokens, salt, table, hit_end(static_cast<int>(chain_.size()))));
  }
  return known;
}

int KvCache::copy_lead(std::span<const Token> rest, uint64_t salt, BlockTable& table) {
  if (!tree_ || states_) return 0;   // a state cannot be cut to a part of a block
  const auto lead = tree_->find_partial(last(table, table.size()), rest,
                                        table.blocks.empty() ? salt : 0);
  if (lead.block < 0 || !holds_windows(lead.block)) return 0;
  tree_->touch(lead.block);
  // Held while a block to copy to is found, lest that takes the very source.
  BlockTable source{{lead.block}, 0};
  own(lead.block);
  for (int g = 0; g < n_group(); ++g)
    if (shape_.groups[g].has_window()) pages_.want(lead.block, g);
  const int32_t copy = allocate();
  if (copy >= 0) {
    copy_pages(lead.block, copy);
    table.blocks.push_back(copy);
  }
  release(source);
  return copy >= 0 ? lead.n_token : 0;
}

void KvCache::insert(std::span<const Token> tokens, uint64_t salt, const BlockTable& table, int n,
                     int32_t block, int uses) {
  tree_->insert(last(table, n), tokens, block, n == 0 ? salt : 0);
  pool_.retain(block);
  uses_[block] = uses;
  if (tiers_) keys_[block] = child_key(key_of(table, n, salt), tokens);
}

void KvCache::commit(std::span<const Token> tokens, uint64_t salt, BlockTable& table, int i) {
  if (!tree_) return;
  const int32_t own_block = table.blocks[i];
  const int32_t known = tree_->find(last(table, i), tokens, i == 0 ? salt : 0);
  if (known == own_block) return;
  if (known < 0) return insert(tokens, salt, table, i, own_block, 1);
  own(known);
  for (int g = 0; g < n_group(); ++g) {
    if (!shape_.groups[g].has_window()) continue;
    if (pages_.held(known, g)) {
      pages_.want(known, g);
      pages_.unwant(own_block, g, Fate::freed);
    } else {
      pages_.hand_over(own_block, known, g);   // computed anew because it was gone
    }
  }
  disown(own_block);
  table.blocks[i] = known;
  used_again(known);
}

int32_t KvCache::take_state(const BlockTable& table) {
  const int32_t snapshot = table.blocks.empty() ? -1 : states_->find(table.blocks.back());
  STRATA_CHECK(table.blocks.empty() || snapshot >= 0);
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

/// Does a hit that ends after `end` blocks need more of the i-th than tree and memory have?
bool KvCache::lacks(int i, int end) const {
  const Link& link = chain_[i];
  bool windows = false;
  for (int g = 0; g < n_group(); ++g) {
    const KvGroup& group = shape_.groups[g];
    windows |= group.has_window() && i >= end - group.reach &&
               (link.block < 0 || !pages_.held(link.block, g));
  }
  if (link.block >= 0 && !windows) return false;
  const int in_ram = tiers_->in_ram(link.key);
  return windows ? in_ram < shape_.block_pages() : in_ram == TierStore::kAbsent;
}

KvCache::OnDisk KvCache::on_disk(std::span<const Token> tokens, uint64_t salt, size_t most) {
  OnDisk found;
  if (!tiers_) return found;
  trace(tokens, salt, {&TierStore::in_ram});
  const int without = hit_end(static_cast<int>(chain_.size()));
  trace(tokens, salt, {&TierStore::in_ram, &TierStore::on_disk});
  for (int end = hit_end(static_cast<int>(chain_.size())); end > without;) {
    found.files.clear();
    int i = 0;
    for (; i < end && found.files.size() <= most; ++i)
      if (lacks(i, end)) {
        const auto full = tokens.subspan(size_t(i) * kBlock, kBlock);
        found.files.push_back({chain_[i].key, {full.begin(), full.end()}});
      }
    found.n_token = (end - without) * kBlock;
    if (found.files.size() <= most) return found;
    end = hit_end(i - 1);
  }
  return {};
}

}  // namespace strata::engine
