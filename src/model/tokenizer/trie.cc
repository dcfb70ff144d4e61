#include "model/tokenizer/trie.h"

#include "base/error.h"

namespace strata::model::tokenizer {

Trie::Trie() : edges_(16), values_(1, -1), mask_(15) {}

void Trie::grow() {
  std::vector<Edge> old(edges_.size() * 2);
  old.swap(edges_);
  mask_ = edges_.size() - 1;
  for (const Edge& edge : old) {
    if (edge.child == none) continue;
    size_t slot = hash(edge.key);
    while (edges_[slot].child != none) slot = (slot + 1) & mask_;
    edges_[slot] = edge;
  }
}

void Trie::insert(std::string_view key, int32_t value) {
  Node node = root;
  for (const char c : key) {
    const uint32_t edge_key = node << 8 | static_cast<uint8_t>(c);
    Node next = child(node, static_cast<uint8_t>(c));
    if (next == none) {
      if (values_.size() >= max_nodes)
        fail(Code::data_loss, "tokenizer: pieces need more than {} trie nodes", max_nodes);
      if (values_.size() * 2 > edges_.size()) grow();
      next = static_cast<Node>(values_.size());
      values_.push_back(-1);
      size_t slot = hash(edge_key);
      while (edges_[slot].child != none) slot = (slot + 1) & mask_;
      edges_[slot] = {edge_key, next};
    }
    node = next;
  }
  if (node != root && values_[node] < 0) values_[node] = value;
}

}  // namespace strata::model::tokenizer
