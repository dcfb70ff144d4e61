#include "engine/speculation/suffix_automaton.h"

#include <algorithm>
#include <utility>

namespace strata::engine {

namespace {

uint64_t edge_hash(int32_t from, Token token) {
  return ((uint64_t(uint32_t(from)) << 32) | uint32_t(token)) * 0x9E3779B97F4A7C15u >> 20;
}

}  // namespace

SuffixAutomaton::SuffixAutomaton(int max_tokens) : max_tokens_(max_tokens) { clear(); }

void SuffixAutomaton::clear() {
  states_.assign(1, {});
  edges_.clear();
  text_.clear();
  table_.assign(1024, -1);
}

int32_t SuffixAutomaton::find_edge(int32_t from, Token token) const {
  const size_t mask = table_.size() - 1;
  for (size_t i = edge_hash(from, token) & mask; table_[i] >= 0; i = (i + 1) & mask) {
    const Edge& e = edges_[table_[i]];
    if (e.from == from && e.token == token) return table_[i];
  }
  return -1;
}

void SuffixAutomaton::add_edge(int32_t from, Token token, int32_t to) {
  if ((edges_.size() + 1) * 2 > table_.size()) {
    table_.assign(table_.size() * 2, -1);
    const size_t mask = table_.size() - 1;
    for (size_t e = 0; e < edges_.size(); ++e) {
      size_t i = edge_hash(edges_[e].from, edges_[e].token) & mask;
      while (table_[i] >= 0) i = (i + 1) & mask;
      table_[i] = static_cast<int32_t>(e);
    }
  }
  const size_t mask = table_.size() - 1;
  size_t i = edge_hash(from, token) & mask;
  while (table_[i] >= 0) i = (i + 1) & mask;
  table_[i] = static_cast<int32_t>(edges_.size());
  edges_.push_back({token, from, to, states_[from].edges});
  states_[from].edges = table_[i];
}

/// `to`, reached from `from`, also stands for longer substrings: a copy takes the shorter ones.
int32_t SuffixAutomaton::split(int32_t from, Token token, int32_t to) {
  const auto copy = static_cast<int32_t>(states_.size());
  State state = states_[to];
  state.length = states_[from].length + 1;
  const int32_t edges = std::exchange(state.edges, -1);
  states_.push_back(state);
  for (int32_t e = edges; e >= 0; e = edges_[e].next) add_edge(copy, edges_[e].token, edges_[e].to);
  states_[to].link = copy;
  for (; from >= 0; from = states_[from].link) {
    const int32_t e = find_edge(from, token);
    if (e < 0 || edges_[e].to != to) break;
    edges_[e].to = copy;
  }
  return copy;
}

int32_t SuffixAutomaton::extend(int32_t last, Token token) {
  const auto position = static_cast<int32_t>(text_.size());
  if (const int32_t e = find_edge(last, token); e >= 0) {   // known from another text
    const int32_t to = edges_[e].to;
    const int32_t next =
        states_[to].length == states_[last].length + 1 ? to : split(last, token, to);
    states_[next].end = position;
    return next;
  }
  const auto added = static_cast<int32_t>(states_.size());
  states_.push_back({states_[last].length + 1, 0, position, -1});
  int32_t from = last, known = -1;
  for (; from >= 0 && (known = find_edge(from, token)) < 0; from = states_[from].link)
    add_edge(from, token, added);
  if (from >= 0) {
    const int32_t to = edges_[known].to;
    states_[added].link =
        states_[to].length == states_[from].length + 1 ? to : split(from, token, to);
  }
  return added;
}

void SuffixAutomaton::add(std::span<const Token> text) {
  int32_t last = 0;
  for (Token token : text) {
    if (full()) return;
    last = extend(last, token);
    text_.push_back(token);
  }
  text_.push_back(-1);
}

void SuffixAutomaton::advance(Cursor& cursor, Token token) const {
  for (;;) {
    const int32_t e = find_edge(cursor.state, token);
    if (e >= 0) {
      cursor.state = edges_[e].to;
      ++cursor.length;
      return;
    }
    const int32_t link = states_[cursor.state].link;
    if (link < 0) {
      cursor = {};
      return;
    }
    cursor.state = link;
    cursor.length = states_[link].length;
  }
}

Match SuffixAutomaton::match(const Cursor& cursor) const {
  if (cursor.length == 0) return {};
  return {cursor.length, int64_t(states_[cursor.state].end) + 1};
}

std::span<const Token> SuffixAutomaton::text(int64_t position, int n) const {
  const auto begin = text_.begin() + std::min<int64_t>(position, int64_t(text_.size()));
  const auto most = std::min<int64_t>(n, text_.end() - begin);
  return {begin, std::find(begin, begin + most, -1)};
}

}  // namespace strata::engine
