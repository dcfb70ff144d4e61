// Byte trie: all keys that start at a place of a text, shortest first.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::model::tokenizer {

/// Edges lie in one open-addressing table, so that a step costs about one cache miss and a node
/// nothing but its value.
class Trie {
 public:
  using Node = uint32_t;
  static constexpr Node root = 0, none = 0;   // the root is nobody's child
  static constexpr size_t max_nodes = size_t{1} << 24;

  Trie();
  /// `value` >= 0; the first insertion of a key counts. Errors: data_loss past max_nodes.
  void insert(std::string_view key, int32_t value);

  Node child(Node node, uint8_t byte) const {
    for (size_t slot = hash(node << 8 | byte);; slot = (slot + 1) & mask_) {
      const Edge& edge = edges_[slot];
      if (edge.child == none || edge.key == (node << 8 | byte)) return edge.child;
    }
  }
  /// -1: no key ends here.
  int32_t value(Node node) const { return values_[node]; }
  bool empty() const { return values_.size() == 1; }

  /// Calls f(bytes, value) for every key that `text` starts with, shortest first.
  template <class F>
  void each_prefix(std::string_view text, F&& f) const {
    Node node = root;
    for (size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<uint8_t>(text[i]));
      if (node == none) return;
      if (values_[node] >= 0) f(i + 1, values_[node]);
    }
  }

 private:
  struct Edge { uint32_t key = 0; Node child = none; };
  size_t hash(uint32_t key) const { return (key * 0x9E3779B97F4A7C15ull >> 32) & mask_; }
  void grow();

  std::vector<Edge> edges_;
  std::vector<int32_t> values_;
  size_t mask_ = 0;
};

}  // namespace strata::model::tokenizer
