// A file with the packed matrices of a model, which is mapped instead of packing at each start.
//
// 2 MiB of header, then the image of packed_weights.h for one node. The file is a cache: whatever
// does not fit the model, this program's layout or its own size is not used, and packing takes its
// place. Written in pieces of 2 MiB, so that the page cache holds it in pages of that size.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "graph/packed_weights.h"

namespace strata::graph {

class LayoutFile {
 public:
  /// The file's image, if it is one of these weights. What speaks against it is told in `reason`
  /// (empty: there is no such file): header, size, or the first or last group of a matrix differs
  /// from what packing them gives now, which notices another model, another version's layout and
  /// bytes that went bad. Cost: two groups of each matrix are packed.
  static std::optional<LayoutFile> open(const std::string& path, const Image& image,
                                        ThreadPool& pool, std::string& reason);

  const uint8_t* image() const { return file_.bytes().data() + kImageAt; }
  const std::string& path() const { return file_.path(); }

  static constexpr size_t kImageAt = size_t{2} << 20;

 private:
  explicit LayoutFile(MappedFile file) : file_(std::move(file)) {}
  MappedFile file_;
};

/// Packs all matrices into a new file at `path`, which appears when it is complete.
/// Errors: resource_exhausted (disk), permission_denied, with the path.
/// Cost: 64 MiB of memory, whatever the model's size.
void write_layout_file(const std::string& path, const Graph& graph, ThreadPool& pool);

}  // namespace strata::graph
