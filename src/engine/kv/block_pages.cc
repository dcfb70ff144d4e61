#include "engine/kv/block_pages.h"

#include <utility>

#include "base/check.h"

namespace strata::engine {

BlockPages::BlockPages(const KvShape& shape)
    : n_block_(shape.n_block), groups_(shape.groups),
      entries_(groups_.size() * static_cast<size_t>(shape.n_block)),
      ids_(static_cast<size_t>(shape.block_pages()) * shape.n_block, -1), free_(shape.n_page) {
  int column = 0;
  for (const KvGroup& g : groups_) {
    first_column_.push_back(column);
    column += g.n_page;
  }
  for (int i = 0; i < shape.n_page; ++i) free_[i] = shape.n_page - 1 - i;
}

void BlockPages::fill(int32_t block, int group) {
  Entry& e = at(block, group);
  STRATA_CHECK(e.state == State::absent && free() >= groups_[group].n_page);
  for (int c = first_column_[group]; c < first_column_[group] + groups_[group].n_page; ++c) {
    ids_[c * n_block_ + block] = free_.back();
    free_.pop_back();
  }
  e.state = State::wanted;
  e.wants = 1;
}

void BlockPages::want(int32_t block, int group) {
  Entry& e = at(block, group);
  STRATA_CHECK(e.state != State::absent);
  if (e.state != State::wanted) uncache(index(block, group));
  ++e.wants;
}

void BlockPages::unwant(int32_t block, int group, Fate fate) {
  Entry& e = at(block, group);
  STRATA_CHECK(e.state == State::wanted && e.wants > 0);
  if (--e.wants > 0) return;
  if (fate == Fate::freed)
    free_pages(block, group);
  else
    cache(index(block, group), fate == Fate::spare ? State::spare : State::kept);
}

void BlockPages::hand_over(int32_t from, int32_t to, int group) {
  Entry& e = at(from, group);
  STRATA_CHECK(e.state == State::wanted && at(to, group).state == State::absent);
  for (int c = first_column_[group]; c < first_column_[group] + groups_[group].n_page; ++c)
    ids_[c * n_block_ + to] = std::exchange(ids_[c * n_block_ + from], -1);
  at(to, group) = std::exchange(e, {});
}

void BlockPages::drop(int32_t block) {
  for (int g = 0; g < static_cast<int>(groups_.size()); ++g) {
    Entry& e = at(block, g);
    if (e.state == State::absent) continue;
    STRATA_CHECK(e.state != State::wanted || !groups_[g].has_window());
    if (e.state != State::wanted) uncache(index(block, g));
    free_pages(block, g);
  }
}

void BlockPages::free_pages(int32_t block, int group) {
  for (int c = first_column_[group]; c < first_column_[group] + groups_[group].n_page; ++c)
    free_.push_back(std::exchange(ids_[c * n_block_ + block], -1));
  at(block, group) = {};
}

bool BlockPages::drop_oldest(List& list) {
  const int32_t oldest = list.oldest;
  if (oldest < 0) return false;
  uncache(oldest);
  free_pages(static_cast<int32_t>(oldest % n_block_), static_cast<int>(oldest / n_block_));
  return true;
}

void BlockPages::cache(int32_t entry, State state) {
  Entry& e = entries_[entry];
  List& to = list(state);
  e.state = state;
  e.older = to.newest;
  e.newer = -1;
  (to.newest >= 0 ? entries_[to.newest].newer : to.oldest) = entry;
  to.newest = entry;
  n_cached_ += groups_[entry / n_block_].n_page;
}

void BlockPages::uncache(int32_t entry) {
  Entry& e = entries_[entry];
  List& from = list(e.state);
  (e.older >= 0 ? entries_[e.older].newer : from.oldest) = e.newer;
  (e.newer >= 0 ? entries_[e.newer].older : from.newest) = e.older;
  e.older = e.newer = -1;
  e.state = State::wanted;
  n_cached_ -= groups_[entry / n_block_].n_page;
}

}  // namespace strata::engine
