#include "model/format/safetensors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "model/store.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using kernel::Type;
using nlohmann::json;
using testing::golden;
using testing::TemporaryFolder;

std::vector<uint8_t> image(const std::string& header, size_t data) {
  std::vector<uint8_t> out(8 + header.size() + data);
  const uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, header.data(), header.size());
  for (size_t i = 0; i < data; ++i) out[8 + header.size() + i] = static_cast<uint8_t>(i);
  return out;
}

std::string entry(const char* name, const char* dtype, const char* shape, int begin, int end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name, dtype,
                     shape, begin, end);
}

void expect_error(const std::vector<uint8_t>& bytes, std::string_view part) {
  try {
    parse_safetensors(bytes, "FILE");
    ADD_FAILURE() << "parsed, but should say: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data_loss);
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}
void expect_error(const std::string& header, size_t data, std::string_view part) {
  expect_error(image(header, data), part);
}

Code code_of(const std::string& path) {
  try {
    open_store(path);
  } catch (const Error& e) {
    return e.code();
  }
  return Code::internal;
}

TEST(Safetensors, FindsTensors) {
  const auto bytes =
      image("{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "F32", "[2,3]", 0, 24) + "," +
                entry("b", "BF16", "[4]", 24, 32) + "," + entry("n", "I64", "[1]", 32, 40) + "," +
                entry("s", "F16", "[]", 40, 42) + "}  ",
            42);
  const auto found = parse_safetensors(bytes, "FILE");
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].tensor.type, Type::f32);
  EXPECT_EQ(found[0].tensor.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(found[1].tensor.type, Type::bf16);
  EXPECT_EQ(found[1].tensor.data[0], 24);
  EXPECT_EQ(found[2].unsupported_type, "I64");
  EXPECT_EQ(found[3].tensor.bytes, 2u);
  EXPECT_EQ(found[3].tensor.elements(), 1);
}

TEST(Safetensors, DamageIsNamed) {
  expect_error(std::vector<uint8_t>{1, 2, 3}, "header length");
  expect_error(std::vector<uint8_t>(8, 0xff), "limit of 100000000");
  expect_error(std::vector<uint8_t>{100, 0, 0, 0, 0, 0, 0, 0, '{'}, "header");
  expect_error("", 0, "header");
  expect_error("[]", 0, "header");
  expect_error("{", 0, "header");
  expect_error("{} x", 0, "header");
  expect_error("{\"a\":1}", 0, "header");
  expect_error("{\"a\":{}}", 0, "tensor 'a': lacks");
  expect_error("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "lacks");
  expect_error("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8,
               "more than 2");
  expect_error("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "header");
  expect_error("{\"a\":{\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]}}", 4, "header");
  expect_error("{" + entry("a", "F32", "[2]", 0, 8) + "}", 7, "truncated");
  expect_error("{" + entry("a", "F32", "[2]", 8, 0) + "}", 8, "outside");
  expect_error("{" + entry("a", "F32", "[3]", 0, 8) + "}", 8,
               "its shape needs 12 bytes of F32, the file has 8");
  expect_error("{" + entry("a", "F32", "[4294967296,4294967296]", 0, 8) + "}", 8, "63 bits");
  expect_error("{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "F32", "[2]", 4, 12) + "}",
               12, "overlaps");
  expect_error("{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("a", "F32", "[2]", 8, 16) + "}",
               16, "appears twice");
  expect_error("{" + entry("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) + "}", 4, "more than 8");
}

// Every tensor of every golden checkpoint gets a name of ours, and its bytes are where its header
// says.
TEST(HfFolder, GoldenCheckpointsOpen) {
  for (const char* name : {"llama", "llama-tied-bias", "llama-yarn", "llama3-rope",
                           "mistral-window", "qwen2", "qwen3", "gemma2", "gemma3"}) {
    const auto store = open_store(golden(name));
    EXPECT_EQ(store->format(), "hf");
    EXPECT_FALSE(store->side_file("tokenizer.json").empty());
    EXPECT_TRUE(store->side_file("absent.json").empty());
    const auto file = testing::read_bytes(golden(name) + "/model.safetensors");
    uint64_t length;
    std::memcpy(&length, file.data(), 8);
    const json header = json::parse(file.begin() + 8, file.begin() + 8 + length);
    EXPECT_EQ(store->tensors().size(), header.size() - header.count("__metadata__")) << name;
    for (size_t i = 0; i < store->tensors().size(); ++i) {
      const graph::StoredTensor& t = store->tensors()[i];
      EXPECT_TRUE(t.name.starts_with("blk.") || t.name.starts_with("token_embd.") ||
                  t.name.starts_with("output"))
          << t.name;
      const json& want = header.at(std::string(store->file_name(i)));
      EXPECT_EQ(t.shape, want["shape"].get<std::vector<int64_t>>());
      EXPECT_EQ(
          std::memcmp(t.data, file.data() + 8 + length + want["data_offsets"][0].get<size_t>(),
                      t.bytes),
          0);
      EXPECT_EQ(store->find(t.name), &t);
    }
  }
}

TEST(HfFolder, OneFileOpensToo) {
  const auto store = open_store(golden("qwen2/model.safetensors"));
  EXPECT_TRUE(store->find("blk.0.attn_q.bias")) << "named with the config.json beside it";
}

/// A folder in two files, as its index says.
class Shards {
 public:
  Shards() {
    config(R"({"model_type":"llama"})");
    file("one.safetensors", "{" + entry("model.embed_tokens.weight", "F32", "[2]", 0, 8) + "}", 8);
    file("two.safetensors",
         "{" + entry("model.norm.weight", "F32", "[2]", 0, 8) + "," +
             entry("model.embed_tokens.weight", "F32", "[1]", 8, 12) + "," +
             entry("extra", "F32", "[1]", 12, 16) + "}",
         16);
    index(R"({"metadata":{"total_size":16},"weight_map":{
          "model.embed_tokens.weight":"one.safetensors","model.norm.weight":"two.safetensors"}})");
  }
  void config(std::string_view text) { testing::write_text(folder_ / "config.json", text); }
  void index(std::string_view text) {
    testing::write_text(folder_ / "model.safetensors.index.json", text);
  }
  void file(const char* name, const std::string& header, size_t data) {
    const auto bytes = image(header, data);
    testing::write_bytes(folder_ / name, bytes.data(), bytes.size());
  }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

TEST(HfFolder, ShardsHoldWhatTheIndexSays) {
  const Shards shards;
  const auto store = open_store(shards.path());
  ASSERT_EQ(store->tensors().size(), 2u) << "what the index does not list is left out";
  EXPECT_EQ(store->find("token_embd.weight")->shape[0], 2);
  std::vector<uint8_t> room;
  const uint8_t* gain = graph::rows_of(*store->find("output_norm.weight"), 0, 1, room);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(gain) % 4, 0u)
      << "also where the header's length leaves the data at an odd address";
  EXPECT_EQ(gain[7], 7);
}

TEST(HfFolder, ABadIndexIsRefused) {
  Shards shards;
  for (const char* map :
       {R"({"a":"../one.safetensors"})", R"({"a":"/etc/passwd"})", R"({"a":".."})", R"({"a":""})",
        R"({"a":"one.safetensors"})", R"({"a":1})", R"({})", R"([])", "1",
        R"({"extra":"two.safetensors","extra":"two.safetensors"})"}) {
    shards.index(fmt::format(R"({{"weight_map":{}}})", map));
    EXPECT_EQ(code_of(shards.path()), Code::data_loss) << map;
  }
  shards.index(R"({"weight_map":{"a":"absent.safetensors"}})");
  EXPECT_EQ(code_of(shards.path()), Code::not_found);
  shards.index("{");
  EXPECT_EQ(code_of(shards.path()), Code::data_loss);
}

TEST(HfFolder, ATiedHeadIsNotTheStoredOne) {
  Shards shards;
  std::filesystem::remove(shards.path() + "/model.safetensors.index.json");
  shards.file("model.safetensors", "{" + entry("lm_head.weight", "F32", "[1]", 0, 4) + "}", 4);
  EXPECT_TRUE(open_store(shards.path())->find("output.weight"));
  shards.config(R"({"model_type":"llama","tie_word_embeddings":true})");
  EXPECT_FALSE(open_store(shards.path())->find("output.weight"));
  shards.config(R"({"model_type":"gemma3_text"})");
  EXPECT_FALSE(open_store(shards.path())->find("output.weight")) << "tied unless it says otherwise";
}

}  // namespace
}  // namespace strata::model
