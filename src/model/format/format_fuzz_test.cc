// Mutated files: none may crash, hang or allocate without bound. The longer form is tests/fuzz.
#include <gtest/gtest.h>

#include "model/format/gguf_writer.h"
#include "model/testing/files.h"
#include "model/testing/hostile.h"
#include "model/testing/mutation.h"

namespace strata::model {
namespace {

using testing::Bytes;
using testing::golden;
using testing::MemoryLimit;
using testing::Mutator;
using testing::TemporaryFolder;

constexpr int kMutations = 12000;
constexpr size_t kMoreMemory = size_t{1} << 30;

/// Feeds mutations to `accepts`; some must still be valid and some not, or they test nothing.
template <class F>
void feed(const Bytes& valid, size_t focus, F&& accepts, int mutations = kMutations) {
  ASSERT_TRUE(accepts(valid)) << "the seed itself";
  Mutator mutate(valid.size());
  int accepted = 0;
  {
    const MemoryLimit limit(kMoreMemory);
    for (int i = 0; i < mutations; ++i) accepted += accepts(mutate(valid, focus));
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, mutations);
}

template <class F>
void feed_text(std::string_view valid, F&& accepts, int mutations = kMutations) {
  feed(
      Bytes(valid.begin(), valid.end()), valid.size(),
      [&](const Bytes& b) {
        return accepts(std::string_view(reinterpret_cast<const char*>(b.data()), b.size()));
      },
      mutations);
}

/// A small model with everything that read_hyper looks at.
Bytes small_gguf() {
  TemporaryFolder folder;
  GgufWriter out(folder / "small.gguf");
  out.add_text("general.architecture", "gemma3");
  out.add_u32("gemma3.block_count", 6);
  out.add_u32("gemma3.embedding_length", 64);
  out.add_u32("gemma3.feed_forward_length", 96);
  out.add_u32("gemma3.attention.head_count", 4);
  out.add_i32s("gemma3.attention.head_count_kv", std::vector<int32_t>(6, 2));
  out.add_u32("gemma3.attention.key_length", 32);
  out.add_u32("gemma3.context_length", 512);
  out.add_f32("gemma3.attention.layer_norm_rms_epsilon", 1e-6f);
  out.add_u32("gemma3.attention.sliding_window", 16);
  out.add_i32s("gemma3.attention.sliding_window_pattern", std::vector<int32_t>{1, 1, 1, 1, 1, 0});
  out.add_text("gemma3.rope.scaling.type", "yarn");
  out.add_f32("gemma3.rope.scaling.factor", 4);
  out.add_texts("tokenizer.ggml.tokens", std::vector<std::string_view>{"a", "b", "c", "d"});
  out.add_f32s("tokenizer.ggml.scores", std::vector<float>{0, 1, 2, 3});
  out.add_bool("tokenizer.ggml.add_bos_token", true);
  const std::pair<const char*, std::vector<int64_t>> tensors[] = {
      {"token_embd.weight", {4, 64}},
      {"output_norm.weight", {64}},
      {"blk.0.attn_q.weight", {2, 2, 32}}};
  for (const auto& [name, shape] : tensors) out.declare(name, kernel::Type::q8_0, shape);
  out.begin();
  for (const auto& [name, shape] : tensors) {
    int64_t elements = 1;
    for (int64_t n : shape) elements *= n;
    out.write(Bytes(elements / 32 * 34));
  }
  out.finish();
  return testing::read_bytes(folder / "small.gguf");
}

TEST(FormatFuzz, Gguf) {
  const Bytes valid = small_gguf();
  feed(valid, valid.size() - 272 * 2, testing::accepts_gguf);
}

// All kinds of values and tensors; it is no model, so only the parser runs.
TEST(FormatFuzz, GgufKinds) {
  feed(testing::read_bytes(golden("gguf/kinds.gguf")), 1500, [](const Bytes& bytes) {
    return testing::accepts([&] { testing::touch(parse_gguf(bytes, "fuzz.gguf").tensors); });
  });
}

TEST(FormatFuzz, Safetensors) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  int offset = 0;
  for (const char* name :
       {"model.norm.weight", "lm_head.weight", "model.layers.0.mlp.up_proj.weight"}) {
    header += fmt::format(R"(,"{}":{{"dtype":"F16","shape":[2,3],"data_offsets":[{},{}]}})", name,
                          offset, offset + 12);
    offset += 12;
  }
  header += "}";
  Bytes valid(8);
  valid[0] = static_cast<uint8_t>(header.size());
  valid[1] = static_cast<uint8_t>(header.size() >> 8);
  valid.insert(valid.end(), header.begin(), header.end());
  valid.resize(valid.size() + offset);
  feed(valid, valid.size() - offset, testing::accepts_safetensors);
}

TEST(FormatFuzz, SafetensorsIndex) {
  feed_text(
      R"({"metadata": {"total_size": 16}, "weight_map": {"model.norm.weight": "one.safetensors",
            "lm_head.weight": "two.safetensors", "b\u00e9": "three.safetensors"}})",
      testing::accepts_safetensors_index);
}

// The pickle and the directory; the data between them is as good as any.
TEST(FormatFuzz, PyTorch) {
  for (const char* name : {"torch-zip/pytorch_model.bin", "torch-legacy/model.pt"}) {
    const Bytes whole = testing::read_bytes(golden(std::string("formats/") + name));
    feed(whole, 6000, testing::accepts_pytorch, kMutations / 12);
  }
}

constexpr int kWholeFiles = kMutations / 12;  // copying a whole file takes its time

TEST(FormatFuzz, Keras) {
  feed(testing::read_bytes(golden("formats/keras-h5/tf_model.h5")), 20000, testing::accepts_hdf5,
       kWholeFiles);
}

TEST(FormatFuzz, MindSpore) {
  feed(testing::read_bytes(golden("formats/mindspore-ckpt/model.ckpt")), 60000,
       testing::accepts_mindspore, kWholeFiles);
}

TEST(FormatFuzz, Onnx) {
  const Bytes data = testing::read_bytes(golden("formats/onnx-external/model.onnx_data"));
  const Bytes model = testing::read_bytes(golden("formats/onnx-external/model.onnx"));
  feed(
      model, model.size(), [&](const Bytes& b) { return testing::accepts_onnx(b, data); },
      kMutations / 4);
}

TEST(FormatFuzz, TensorBundle) {
  const std::string stem = golden("formats/tensorflow-objects/model.ckpt");
  const Bytes data = testing::read_bytes(stem + ".data-00000-of-00001");
  const Bytes index = testing::read_bytes(stem + ".index");
  feed(
      index, index.size(), [&](const Bytes& b) { return testing::accepts_tensor_bundle(b, data); },
      kMutations / 4);
}

TEST(FormatFuzz, HfConfig) {
  for (const char* name : {"llama3-rope", "llama-yarn", "gemma3", "qwen2"})
    feed_text(testing::read_text(golden(name) + "/config.json"), testing::accepts_hf_config,
              kMutations / 4);
}

}  // namespace
}  // namespace strata::model
