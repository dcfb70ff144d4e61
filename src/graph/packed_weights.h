// The matrices of a graph in the form that kernels read, in one image.
//
// On one NUMA node the image is the matrices in the order of Graph::weights, each on a 64-byte
// boundary, and may be mapped from a layout file (layout_file.h) instead of being packed. On
// several, each node has a section with the groups that its threads multiply, in its own memory.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/numa.h"
#include "base/threads.h"
#include "graph/graph.h"
#include "kernel/matmul.h"

namespace strata::graph {

inline constexpr int kAnyNode = -1;

/// Groups of a matrix that one node's threads multiply.
struct NodeGroups {
  int node = 0;
  int64_t begin = 0, end = 0;
};

/// Where a matrix lies in the image of one node.
struct ImageItem {
  int weight = 0;                  // index into Graph::weights
  const StoredTensor* tensor = nullptr;
  size_t offset = 0;
  size_t group_bytes = 0;
  int64_t groups = 0;
  size_t bytes() const { return group_bytes * static_cast<size_t>(groups); }
};

struct Image {
  std::vector<ImageItem> items;    // in order of Graph::weights
  size_t bytes = 0;
};
Image plan_image(const Graph& graph);
/// Packs the groups [begin, end) of an item; `to` is the place of group `begin`.
void pack_groups(const ImageItem& item, int64_t begin, int64_t end, uint8_t* to);

class PackedWeights {
 public:
  struct Options {
    std::string layout_file = {};              // taken where it exists and fits; empty: none
    std::vector<int> node_of_thread = {};      // empty: one node
    bool interleave = false;                   // all of it over all nodes, page by page
    NumaBinder* binder = nullptr;              // null: the system's
    std::function<void(double)> on_progress = {};   // 0 to 1, from the thread that calls load()
  };

  PackedWeights(const Graph& graph, ThreadPool& pool, Options options);
  ~PackedWeights();

  /// Says which node multiplies which groups of a weight: before load, at most once for each
  /// (never: any node may read any of it). With one node there is nothing to say.
  void split(int weight, std::vector<NodeGroups> groups);

  /// Maps the layout file, or packs with all threads, each node's those of its node.
  void load();

  /// After load: a matrix of whose groups those given to `node` can be read; null if none were.
  kernel::Matrix matrix(int weight, int node = 0) const;

  size_t bytes() const;
  /// One phrase for the log: bytes, packed or mapped, on which pages.
  std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::graph
