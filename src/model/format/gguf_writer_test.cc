#include "model/format/gguf_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "model/format/synthetic.h"
#include "model/hyper.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using kernel::Type;
using testing::TemporaryFolder;

TEST(GgufWriter, WhatItWritesReadsBack) {
  TemporaryFolder folder;
  const std::string path = folder / "out.gguf";
  std::vector<float> a = {1, 2, 3, 4, 5, 6};
  std::vector<uint8_t> b(2 * kernel::row_bytes(Type::q4_0, 64));
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<uint8_t>(i * 7);
  {
    GgufWriter out(path);
    out.add_text("general.architecture", "test");
    out.add_u32("u", 5);
    out.add_i32("i", -5);
    out.add_u64("large", 1ull << 40);
    out.add_f32("f", 0.5f);
    out.add_bool("b", true);
    out.add_texts("texts", std::vector<std::string_view>{"x", "", "Ġ"});
    out.add_i32s("ints", std::vector<int32_t>{-1, 2});
    out.add_f32s("floats", std::vector<float>{0.25f});
    out.declare("a", Type::f32, {2, 3});
    out.declare("b", Type::q4_0, {2, 64});
    out.begin();
    out.write({reinterpret_cast<const uint8_t*>(a.data()), a.size() * sizeof(float)});
    out.write(std::span(b).first(10));
    out.write(std::span(b).subspan(10));
    EXPECT_FALSE(std::filesystem::exists(path)) << "before finish()";
    out.finish();
  }
  const auto store = open_store(path);
  const Metadata& m = store->metadata();
  EXPECT_EQ(m.text("general.architecture"), "test");
  EXPECT_EQ(m.integer("u"), 5);
  EXPECT_EQ(m.integer("i"), -5);
  EXPECT_EQ(m.integer("large"), int64_t{1} << 40);
  EXPECT_EQ(m.real("f"), 0.5);
  EXPECT_EQ(m.boolean("b"), true);
  EXPECT_EQ(*m.strings("texts"), (Value::Strings{"x", "", "Ġ"}));
  EXPECT_EQ(m.integers("ints"), (Value::Ints{-1, 2}));
  EXPECT_EQ(m.reals("floats"), Value::Floats{0.25});
  ASSERT_TRUE(store->find("a") && store->find("b"));
  EXPECT_EQ(store->find("a")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(store->find("a")->data, a.data(), a.size() * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(store->find("b")->data, b.data(), b.size()), 0);
}

// Copying what the reference writer wrote, value by value, loses nothing that the reader shows.
TEST(GgufWriter, CopiesEveryKindOfValue) {
  TemporaryFolder folder;
  const auto from = open_store(testing::golden("gguf/kinds.gguf"));
  {
    GgufWriter out(folder / "copy.gguf");
    for (const auto& [key, value] : from->metadata().values)
      if (key != "general.alignment" && key != "k.f64") out.add(key, value);
    out.begin();
    out.finish();
  }
  const auto copy = open_store(folder / "copy.gguf");
  EXPECT_EQ(copy->metadata().values.size() + 2, from->metadata().values.size());
  for (const auto& [key, value] : copy->metadata().values)
    EXPECT_TRUE(value.v == from->metadata().find(key)->v) << key;
}

TEST(GgufWriter, AnAbandonedFileIsRemoved) {
  TemporaryFolder folder;
  { GgufWriter out(folder / "out.gguf"); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(GgufWriter(folder / "absent/out.gguf"), Error);
}

TEST(Synthetic, IsAModelOfTheShapeAskedFor) {
  TemporaryFolder folder;
  const SyntheticOptions options{.shape = find_synthetic_shape("tiny")};
  write_synthetic(folder / "a.gguf", options);
  write_synthetic(folder / "b.gguf", options);
  EXPECT_EQ(testing::read_bytes(folder / "a.gguf"), testing::read_bytes(folder / "b.gguf"));

  const auto store = open_store(folder / "a.gguf");
  const Hyper h = read_hyper(*store);
  EXPECT_EQ(h.arch, "llama");
  EXPECT_EQ(h.n_layer, 2);
  EXPECT_EQ(h.n_vocab, 512);
  EXPECT_EQ(store->metadata().strings("tokenizer.ggml.tokens")->size(), 512u);
  EXPECT_EQ(store->tensors().size(), 2u * 9 + 3);
  EXPECT_EQ(store->find("output.weight")->type, Type::q6_k);

  // Values have the deviation planned: 0.8 / sqrt(d_model), within what 4 bits lose.
  const graph::StoredTensor& q = *store->find("blk.1.attn_q.weight");
  ASSERT_EQ(q.type, Type::q4_0);
  std::vector<float> values(q.elements());
  kernel::to_f32(q.type, q.data, q.elements(), values.data());
  double square = 0;
  for (float v : values) square += double{v} * v;
  EXPECT_NEAR(std::sqrt(square / values.size()), 0.8 / 16, 0.05 * 0.8 / 16);
}

TEST(Synthetic, TakesAVocabularyFromAnotherFile) {
  TemporaryFolder folder;
  SyntheticOptions options{.shape = find_synthetic_shape("tiny")};
  write_synthetic(folder / "a.gguf", options);
  options.tokenizer_from = folder / "a.gguf";
  options.type = options.head_type = Type::q8_0;
  options.n_layer = 1;
  write_synthetic(folder / "b.gguf", options);
  const auto a = open_store(folder / "a.gguf"), b = open_store(folder / "b.gguf");
  EXPECT_EQ(*a->metadata().strings("tokenizer.ggml.tokens"),
            *b->metadata().strings("tokenizer.ggml.tokens"));
  EXPECT_EQ(b->metadata().text("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_EQ(read_hyper(*b).n_layer, 1);

  options.type = Type::q2_k;   // has no quantiser
  EXPECT_THROW(write_synthetic(folder / "c.gguf", options), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "c.gguf"));
}

}  // namespace
}  // namespace strata::model
