// Packed weights are the same whether packed, mapped from a layout file or split over NUMA nodes;
// a layout file that does not fit is never used.
#include "graph/packed_weights.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "base/error.h"
#include "graph/executor.h"
#include "graph/layout_file.h"

namespace strata::graph {
namespace {

constexpr int kModel = 64, kFf = 96, kVocab = 80;

class RandomSource : public WeightSource {
 public:
  explicit RandomSource(unsigned seed) : random_(seed) {
    add("embd", {kVocab, kModel}, kernel::Type::f32);
    add("norm", {kModel}, kernel::Type::f32);
    for (const char* name : {"gate", "up"}) add(name, {kFf, kModel}, kernel::Type::q8_0);
    add("down", {kModel, kFf}, kernel::Type::q4_0);
    for (const char* name : {"a", "b"}) add(name, {40, kModel}, kernel::Type::q5_1);
    add("head", {kVocab, 40}, kernel::Type::f32);
  }
  const StoredTensor* find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? nullptr : &it->second;
  }

 private:
  void add(const std::string& name, std::vector<int64_t> shape, kernel::Type type) {
    StoredTensor t{.name = name + ".weight", .type = type, .shape = std::move(shape)};
    std::vector<float> values(static_cast<size_t>(t.elements()));
    for (float& v : values) v = normal_(random_);
    t.bytes = kernel::row_bytes(type, t.elements());
    ASSERT_TRUE(kernel::from_f32(type, values.data(), t.elements(),
                                 bytes_.emplace_back(t.bytes).data()));
    t.data = bytes_.back().data();
    tensors_[t.name] = t;
  }

  std::mt19937 random_;
  std::normal_distribution<float> normal_{0, 0.1f};
  std::deque<std::vector<uint8_t>> bytes_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

// A gated unit, two products of one input, a head.
Graph build(const RandomSource& source) {
  Graph g(source);
  Tensor x = g.embed("embd", kModel, {});
  const Tensor y = g.rms_norm(x, "norm", 1e-6f, 0);
  x = g.add(x, g.linear(g.glu(kernel::Act::silu, g.linear(y, "gate"), g.linear(y, "up")), "down"));
  x = g.select(x);
  g.output(g.linear(g.add(g.linear(x, "a"), g.linear(x, "b")), "head"));
  return g;
}

std::vector<float> logits(const RandomSource& source, ExecutorOptions options, int threads = 3) {
  ThreadPool pool({.threads = threads, .cpus = {}, .pin = false});
  options.max_tokens = options.max_outputs = 12;
  Executor executor(build(source), pool, options);
  std::vector<int32_t> tokens(12);
  for (int i = 0; i < 12; ++i) tokens[i] = 5 * i;
  const int32_t block = 0;
  const SequenceSlice slice{0, 12, 0, &block, 12};
  const float* out = executor.run({tokens, {&slice, 1}});
  return {out, out + 12 * kVocab};
}

class LayoutFileTest : public testing::Test {
 protected:
  LayoutFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "strata_layout_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/model.layout";
    write_layout_file(path_, build(source_), pool_);
  }
  ~LayoutFileTest() override { std::filesystem::remove_all(folder_); }

  // Why the file is refused; "" when it is taken.
  std::string refused(const RandomSource& source) {
    const Graph g = build(source);
    std::string reason;
    const auto file = LayoutFile::open(path_, plan_image(g), pool_, reason);
    EXPECT_EQ(file.has_value(), reason.empty());
    return reason;
  }
  void flip(size_t at) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(old ^ 1));
  }

  RandomSource source_{1};
  ThreadPool pool_{{.threads = 2, .cpus = {}, .pin = false}};
  std::string folder_, path_;
};

TEST_F(LayoutFileTest, MappedIsAsPacked) {
  EXPECT_EQ(refused(source_), "");
  const std::vector<float> packed = logits(source_, {});
  EXPECT_EQ(logits(source_, {.layout_file = path_}), packed);
  EXPECT_EQ(logits(source_, {.fuse = false, .layout_file = path_}, 1),
            logits(source_, {.fuse = false}, 1));
  EXPECT_EQ(logits(source_, {.layout_file = path_, .node_of_thread = {0, 1, 1}}), packed);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".partial"));
}

TEST_F(LayoutFileTest, WhatDoesNotFitIsRefusedAndPackedAgain) {
  const std::vector<float> packed = logits(source_, {});
  const auto expect_refused = [&](std::string_view why) {
    EXPECT_NE(refused(source_).find(why), std::string::npos) << refused(source_);
    EXPECT_EQ(logits(source_, {.layout_file = path_}), packed);
  };
  const RandomSource other(2);   // same shapes, other values
  EXPECT_NE(refused(other).find("packed otherwise"), std::string::npos) << refused(other);
  EXPECT_EQ(logits(other, {.layout_file = path_}), logits(other, {}));

  flip(LayoutFile::kImageAt + 5);
  expect_refused("1 of its matrices");
  flip(LayoutFile::kImageAt + 5);
  flip(20);
  expect_refused("other weights");
  flip(20);
  flip(1);
  expect_refused("no layout file");
  flip(1);
  EXPECT_EQ(refused(source_), "");
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 64);
  expect_refused("bytes");
  std::filesystem::resize_file(path_, 10);
  expect_refused("no layout file");
  std::filesystem::resize_file(path_, 0);
  expect_refused("empty");
}

TEST_F(LayoutFileTest, AFolderThatCannotBeWrittenIsNamed) {
  const std::string missing = folder_ + "/none/model.layout";
  try {
    write_layout_file(missing, build(source_), pool_);
    ADD_FAILURE() << "written";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(missing), std::string::npos) << e.what();
  }
}

class RecordingBinder : public NumaBinder {
 public:
  void bind(uint8_t* data, size_t bytes, int node) override {
    bound.push_back({data, bytes, node});
  }
  void interleave(uint8_t* data, size_t bytes) override { spread.push_back({data, bytes, -1}); }
  struct Range {
    uint8_t* data;
    size_t bytes;
    int node;
  };
  std::vector<Range> bound, spread;
};

TEST(PackedWeights, EachNodeHasWhatItsThreadsMultiply) {
  const RandomSource source(3);
  const std::vector<float> one = logits(source, {}, 4);
  RecordingBinder binder;
  EXPECT_EQ(logits(source, {.node_of_thread = {0, 0, 1, 1}, .binder = &binder}, 4), one);
  ASSERT_EQ(binder.bound.size(), 2u);
  EXPECT_EQ(binder.bound[0].node, 0);
  EXPECT_EQ(binder.bound[1].node, 1);
  EXPECT_LE(binder.bound[0].data + binder.bound[0].bytes, binder.bound[1].data);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(binder.bound[1].data) % (2 << 20), 0u) << "own pages";
  EXPECT_EQ(binder.spread.size(), 1u) << "KV";
  // Each node has about half, and both together all.
  const Graph g = build(source);
  const double all = static_cast<double>(plan_image(g).bytes);
  const double first = static_cast<double>(binder.bound[0].bytes);
  EXPECT_NEAR(first / all, 0.5, 0.15);
  EXPECT_EQ(binder.bound[0].bytes + binder.bound[1].bytes, plan_image(g).bytes);
}

TEST(PackedWeights, InterleavesAllOfIt) {
  const RandomSource source(3);
  RecordingBinder binder;
  EXPECT_EQ(logits(source, {.interleave = true, .binder = &binder}), logits(source, {}));
  EXPECT_TRUE(binder.bound.empty());
  EXPECT_GE(binder.spread.size(), 2u) << "weights and KV";
}

}  // namespace
}  // namespace strata::graph
