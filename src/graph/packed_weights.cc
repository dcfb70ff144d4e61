#include "graph/packed_weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <map>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "graph/layout_file.h"

namespace strata::graph {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr int64_t kGroupsAJob = 64;

// Consecutive groups of an item, and where they lie in the image.
struct Part {
  NodeGroups groups;
  size_t offset = 0;
};

// What a thread packs at a time: groups of one part.
struct Job {
  const ImageItem* item;
  int64_t begin, end;
  uint8_t* to;   // the place of group `begin`
};

}  // namespace

Image plan_image(const Graph& g) {
  std::set<int> used;
  for (const Node& node : g.nodes)
    if (node.op != Op::embed) used.insert(node.weights.begin(), node.weights.end());
  Image image;
  for (const int w : used) {
    const Weight& weight = g.weights[w];
    if (!weight.matrix) continue;
    const StoredTensor& t = *weight.tensor;
    const int64_t rows = t.rows();
    const ImageItem item{.weight = w,
                         .tensor = &t,
                         .offset = image.bytes,
                         .group_bytes = kernel::group_bytes(t.type, t.cols()),
                         .groups = (rows + kernel::kGroupRows - 1) / kernel::kGroupRows};
    image.bytes += Arena::rounded(item.bytes());
    image.items.push_back(item);
  }
  return image;
}

void pack_groups(const ImageItem& item, int64_t begin, int64_t end, uint8_t* to) {
  const StoredTensor& t = *item.tensor;
  constexpr int64_t kGroups = 16;   // at a time: a tensor may have to make its rows
  std::vector<uint8_t> room;
  for (int64_t g = begin; g < end; g += kGroups, to += item.group_bytes * kGroups) {
    const int64_t last = std::min(g + kGroups, end), row = g * kernel::kGroupRows;
    const int64_t row_end = std::min(last * kernel::kGroupRows, t.rows());
    kernel::pack(t.type, rows_of(t, row, row_end, room), row_end - row, t.cols(), 0, last - g, to);
  }
}

struct PackedWeights::Impl {
  Impl(const Graph& g, ThreadPool& p, Options o)
      : graph(g), pool(p), options(std::move(o)), image(plan_image(g)) {
    for (size_t i = 0; i < image.items.size(); ++i) item_of_weight[image.items[i].weight] = i;
    for (const int node : options.node_of_thread) nodes = std::max(nodes, node + 1);
    if (!options.binder) options.binder = &system_binder();
  }

  std::vector<NodeGroups> groups_of(const ImageItem& item) const {
    if (const auto said = splits.find(item.weight); said != splits.end()) return said->second;
    return {{.node = kAnyNode, .begin = 0, .end = item.groups}};
  }

  // A section a node, and one of what all nodes read, each on pages of its own. Returns the bytes.
  size_t lay_out() {
    parts.assign(image.items.size(), {});
    sections.clear();
    size_t total = 0;
    for (int node = kAnyNode; node < nodes; ++node) {
      size_t at = (total + kHugePage - 1) / kHugePage * kHugePage;
      Section section{.node = node, .begin = at, .end = at};
      for (size_t i = 0; i < image.items.size(); ++i) {
        for (const NodeGroups& g : groups_of(image.items[i])) {
          if (g.node != node) continue;
          parts[i].push_back({g, at});
          at += Arena::rounded(image.items[i].group_bytes * static_cast<size_t>(g.end - g.begin));
        }
      }
      if (at == section.begin) continue;
      section.end = total = at;
      sections.push_back(section);
    }
    return total;
  }

  void place() {
    for (const Section& s : sections) {
      uint8_t* data = memory.data() + s.begin;
      const size_t bytes = s.end - s.begin;
      if (options.interleave || (nodes > 1 && s.node == kAnyNode))
        options.binder->interleave(data, bytes);
      else if (nodes > 1) options.binder->bind(data, bytes, s.node);
    }
  }

  void load() {
    const size_t total = lay_out();
    std::string reason;
    file = LayoutFile::open(options.layout_file, image, pool, reason);
    if (!reason.empty())
      log::warn("layout file '{}' is not used, the weights are packed again: {}",
                options.layout_file, reason);
    if (file && splits.empty() && !options.interleave) {
      data = file->image();
      return;
    }
    memory = Memory(total + 64);
    data = memory.data();
    place();
    fill();
    file.reset();
  }

  // Every thread packs what its own node will read, then what all will: memory that the binder
  // could not place lies where it is touched first.
  void fill() {
    std::vector<std::vector<Job>> jobs(static_cast<size_t>(nodes) + 1);
    for (size_t i = 0; i < parts.size(); ++i) {
      const ImageItem& item = image.items[i];
      for (const Part& part : parts[i]) {
        for (int64_t g = part.groups.begin; g < part.groups.end; g += kGroupsAJob) {
          const auto skipped = static_cast<size_t>(g - part.groups.begin) * item.group_bytes;
          jobs[static_cast<size_t>(part.groups.node + 1)].push_back(
              {&item, g, std::min(g + kGroupsAJob, part.groups.end),
               memory.data() + part.offset + skipped});
        }
      }
    }
    std::vector<std::atomic<size_t>> next(jobs.size());
    std::vector<std::exception_ptr> failed(static_cast<size_t>(pool.size()));
    pool.run([&](int t) {
      const int own = nodes > 1 ? options.node_of_thread[static_cast<size_t>(t)] : 0;
      try {
        for (const int node : {own, kAnyNode}) {
          const auto list = static_cast<size_t>(node + 1);
          for (size_t i; (i = next[list].fetch_add(1)) < jobs[list].size();) {
            run(jobs[list][i]);
            if (t == 0 && options.on_progress)
              options.on_progress(static_cast<double>(i + 1) /
                                  static_cast<double>(jobs[list].size()));
          }
        }
      } catch (...) {
        failed[static_cast<size_t>(t)] = std::current_exception();   // rows of corrupt bytes
      }
    });
    for (const std::exception_ptr& error : failed)
      if (error) std::rethrow_exception(error);
  }

  void run(const Job& job) const {
    if (!file) return pack_groups(*job.item, job.begin, job.end, job.to);
    const auto at = static_cast<size_t>(job.begin) * job.item->group_bytes;
    std::memcpy(job.to, file->image() + job.item->offset + at,
                static_cast<size_t>(job.end - job.begin) * job.item->group_bytes);
  }

  struct Section {
    int node = 0;
    size_t begin = 0, end = 0;
  };

  const Graph& graph;
  ThreadPool& pool;
  Options options;
  Image image;
  std::map<int, size_t> item_of_weight;
  std::map<int, std::vector<NodeGroups>> splits;   // by weight
  std::vector<std::vector<Part>> parts;            // by item
  std::vector<Section> sections;
  int nodes = 1;
  std::optional<LayoutFile> file;                  // when it is what is read
  Memory memory;
  const uint8_t* data = nullptr;
};

PackedWeights::PackedWeights(const Graph& graph, ThreadPool& pool, Options options)
    : impl_(std::make_unique<Impl>(graph, pool, std::move(options))) {}
PackedWeights::~PackedWeights() = default;

void PackedWeights::split(int weight, std::vector<NodeGroups> groups) {
  STRATA_CHECK(!impl_->data && !impl_->splits.contains(weight));
  impl_->splits[weight] = std::move(groups);
}

void PackedWeights::load() { impl_->load(); }

kernel::Matrix PackedWeights::matrix(int weight, int node) const {
  const size_t index = impl_->item_of_weight.at(weight);
  const ImageItem& item = impl_->image.items[index];
  const StoredTensor& t = *item.tensor;
  kernel::Matrix m{.type = t.type, .rows = t.rows(), .cols = t.cols()};
  for (const Part& part : impl_->parts[index]) {
    if (part.groups.node != node && part.groups.node != kAnyNode) continue;
    // Group 0, were it there: kernels only read the groups that they are told to.
    const auto begin = reinterpret_cast<uintptr_t>(impl_->data) + part.offset;
    m.data = reinterpret_cast<const uint8_t*>(
        begin - static_cast<size_t>(part.groups.begin) * item.group_bytes);
    return m;
  }
  return m;
}

size_t PackedWeights::bytes() const { return impl_->image.bytes; }

std::string PackedWeights::describe() const {
  const std::span<const uint8_t> span(impl_->data, impl_->image.bytes);
  return impl_->file ? fmt::format("{} bytes mapped from '{}', {}", span.size(),
                                   impl_->file->path(), pages_text(PageKind::plain, span))
                     : fmt::format("{} bytes packed, {}", span.size(),
                                   pages_text(impl_->memory.pages(), span));
}

}  // namespace strata::graph
