#include "model/format/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/registry.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using nlohmann::json;
using testing::golden;
using testing::read_bytes;
using testing::TemporaryFolder;

const std::string kKinds = golden("gguf/kinds.gguf");

uint32_t crc32(const uint8_t* data, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

/// A GGUF file put together by hand, to break one thing at a time.
class Image {
 public:
  template <class T>
  Image& num(T value) {
    const auto* p = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof value);
    return *this;
  }
  Image& text(std::string_view s) {
    num<uint64_t>(s.size());
    bytes_.insert(bytes_.end(), s.begin(), s.end());
    return *this;
  }
  Image& header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return num(gguf::kMagic).num(version).num(tensors).num(keys);
  }
  Image& tensor(std::string_view name, std::vector<uint64_t> dims, uint32_t type, uint64_t offset) {
    text(name).num<uint32_t>(dims.size());
    for (uint64_t d : dims) num(d);
    return num(type).num(offset);
  }
  Image& data(size_t size) {
    bytes_.resize((bytes_.size() + 31) / 32 * 32 + size);
    return *this;
  }
  GgufFile parse() const { return parse_gguf(bytes_, "FILE"); }

 private:
  std::vector<uint8_t> bytes_;
};

void expect_error(const Image& image, Code code, std::string_view part) {
  try {
    image.parse();
    ADD_FAILURE() << "parsed, but should say: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_EQ(std::string(e.what()).find("FILE: "), 0u) << e.what();
  }
}

void expect_value(const Metadata& m, const std::string& key, const json& want) {
  if (want.is_boolean()) {
    EXPECT_EQ(m.boolean(key), want.get<bool>()) << key;
  } else if (want.is_string()) {
    EXPECT_EQ(m.text(key), want.get<std::string>()) << key;
  } else if (key == "k.u64") {
    EXPECT_EQ(std::get<uint64_t>(m.find(key)->v), want.get<uint64_t>());
    EXPECT_THROW(m.integer(key), Error);
  } else if (want.is_number_integer()) {
    EXPECT_EQ(m.integer(key), want.get<int64_t>()) << key;
    EXPECT_EQ(m.real(key), want.get<double>()) << key;
  } else if (want.is_number()) {
    EXPECT_EQ(m.real(key), want.get<double>()) << key;
  } else if (want[0].is_string()) {
    const auto* got = m.strings(key);
    ASSERT_TRUE(got) << key;
    EXPECT_EQ(std::vector<std::string>(got->begin(), got->end()),
              want.get<std::vector<std::string>>());
  } else if (want[0].is_number_float()) {
    EXPECT_EQ(m.reals(key), want.get<std::vector<double>>()) << key;
  } else {
    Value::Ints ints;
    for (const json& x : want) ints.push_back(x.is_boolean() ? x.get<bool>() : x.get<int64_t>());
    EXPECT_EQ(m.integers(key), ints) << key;
  }
}

// The file and what is in it come from the reference writer and reader
// (tools/golden/gguf_files.py).
TEST(Gguf, ReadsEveryKindAsTheReferenceDoes) {
  const auto store = open_store(kKinds);
  const json want = json::parse(testing::read_text(golden("gguf/kinds.json")));
  EXPECT_EQ(store->format(), "gguf");
  for (const auto& [key, value] : want["values"].items())
    expect_value(store->metadata(), key, value);

  size_t usable = 0;
  for (const json& t : want["tensors"]) {
    const std::string name = t["name"];
    const auto shape = t["shape"].get<std::vector<int64_t>>();
    if (t["type"] == "I32") {
      ASSERT_EQ(store->unsupported().size(), 1u);
      EXPECT_EQ(store->unsupported()[0].name, name);
      EXPECT_EQ(store->unsupported()[0].type, "I32");
      EXPECT_EQ(store->unsupported()[0].shape, shape);
      continue;
    }
    const graph::StoredTensor* got = store->find(name);
    ASSERT_TRUE(got) << name;
    EXPECT_EQ(kernel::info(got->type).name, t["type"].get<std::string>()) << name;
    EXPECT_EQ(got->shape, shape) << name;
    ASSERT_EQ(got->bytes, t["bytes"].get<size_t>()) << name;
    EXPECT_EQ(crc32(got->data, got->bytes), t["crc32"].get<uint32_t>()) << name;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(got->data) % 64, 0u) << "general.alignment is 64";
    store->release(*got);
    EXPECT_EQ(crc32(got->data, got->bytes), t["crc32"].get<uint32_t>()) << "after release";
    ++usable;
  }
  EXPECT_EQ(store->tensors().size(), usable);
}

TEST(Gguf, AskingForAnUnsupportedTensorNamesItsType) {
  const auto store = open_store(kKinds);
  EXPECT_EQ(store->find("absent"), nullptr);
  try {
    store->find("numbers");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unimplemented);
    EXPECT_NE(std::string(e.what()).find("tensor 'numbers' has type I32"), std::string::npos);
  }
}

TEST(Gguf, SizesByTypeAddUp) {
  const auto store = open_store(kKinds);
  size_t bytes = 0, tensors = 0, last = SIZE_MAX;
  for (const TypeSize& s : sizes_by_type(*store)) {
    EXPECT_LE(s.bytes, last) << "largest first";
    last = s.bytes;
    bytes += s.bytes;
    tensors += s.tensors;
  }
  EXPECT_EQ(bytes, store->total_bytes());
  EXPECT_EQ(tensors, store->tensors().size());
}

TEST(Gguf, VersionTwoHasTheSameLayout) {
  std::vector<uint8_t> bytes = read_bytes(kKinds);
  bytes[4] = 2;
  const GgufFile file = parse_gguf(bytes, "FILE");
  EXPECT_EQ(file.version, 2u);
  EXPECT_EQ(file.tensors.size(), 8u);
}

TEST(Gguf, EveryTruncationIsRefused) {
  const std::vector<uint8_t> bytes = read_bytes(kKinds);
  const GgufFile whole = parse_gguf(bytes, "FILE");
  size_t end = 0;
  for (const FoundTensor& f : whole.tensors)
    end = std::max<size_t>(end, f.tensor.data + f.tensor.bytes - bytes.data());
  // The last tensor is unsupported, so its size is unknown and its own end unchecked.
  for (size_t n = 0; n < end; ++n) {
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + n);
    EXPECT_THROW(parse_gguf(cut, "FILE"), Error) << n;
  }
}

TEST(Gguf, PartsOpenAsOneModelFromAnyOfThem) {
  for (int part = 1; part <= 3; ++part) {
    const auto store = open_store(golden(fmt::format("gguf/split-{:05}-of-00003.gguf", part)));
    EXPECT_EQ(store->metadata().text("general.name"), "split");
    ASSERT_EQ(store->tensors().size(), 4u);
    for (const auto& [name, value] : {std::pair{"part0.tensor1", 1.0f}, {"part2.tensor0", 20.0f}}) {
      const graph::StoredTensor* t = store->find(name);
      ASSERT_TRUE(t) << name;
      float first;
      std::memcpy(&first, t->data, sizeof first);
      EXPECT_EQ(first, value);
    }
  }
}

TEST(Gguf, PartsMustBeCompleteAndKeepTheirNames) {
  auto code_of = [](const std::string& path) {
    try {
      open_store(path);
    } catch (const Error& e) {
      return e.code();
    }
    return Code::internal;
  };
  TemporaryFolder folder;
  auto copy = [&](int part, const std::string& name) {
    const auto bytes = read_bytes(golden(fmt::format("gguf/split-{:05}-of-00003.gguf", part)));
    testing::write_bytes(folder / name, bytes.data(), bytes.size());
  };
  copy(1, "renamed.gguf");
  EXPECT_EQ(code_of(folder / "renamed.gguf"), Code::invalid_argument);
  copy(1, "m-00001-of-00003.gguf");
  copy(2, "m-00002-of-00003.gguf");
  EXPECT_EQ(code_of(folder / "m-00001-of-00003.gguf"), Code::not_found) << "the third is absent";
  copy(2, "m-00003-of-00003.gguf");
  EXPECT_EQ(code_of(folder / "m-00001-of-00003.gguf"), Code::data_loss)
      << "the third is the second";
}

TEST(Gguf, DamageIsNamed) {
  expect_error(Image().num<uint32_t>(0x46554746), Code::data_loss, "magic");
  expect_error(Image().header(0, 0, 1), Code::unimplemented, "version 1");
  expect_error(Image().header(0, 0, 4), Code::unimplemented, "version 4");
  expect_error(Image().header(0, 0, 0x03000000), Code::unimplemented, "big-endian");
  expect_error(Image().header(1u << 30, 0), Code::data_loss, "tensor count");
  expect_error(Image().header(1000, 0), Code::data_loss, "do not fit");
  expect_error(Image().header(0, UINT64_MAX), Code::data_loss, "metadata count");

  auto one_key = [](std::string_view key) {
    return Image().header(0, 1).text(key);
  };
  auto type = [](GgufType t) { return static_cast<uint32_t>(t); };
  expect_error(Image().header(0, 1).num<uint64_t>(70000).data(70000), Code::data_loss,
               "over the limit of 65535");
  expect_error(one_key("").num<uint64_t>(0), Code::data_loss, "is empty");
  expect_error(one_key("k").num<uint32_t>(77).num<uint64_t>(0), Code::data_loss,
               "unknown value type 77");
  expect_error(one_key("k").num(type(GgufType::boolean)).num<uint8_t>(2), Code::data_loss,
               "metadata key 'k': a boolean has the value 2");
  expect_error(one_key("k").num(type(GgufType::string)).num<uint64_t>(1ull << 40), Code::data_loss,
               "metadata key 'k'");
  auto array = [&](GgufType element, uint64_t n) {
    return one_key("k").num(type(GgufType::array)).num(type(element)).num(n);
  };
  expect_error(array(GgufType::array, 1), Code::unimplemented, "arrays inside arrays");
  expect_error(array(GgufType::u32, 1 << 20), Code::data_loss, "metadata key 'k'");
  expect_error(array(GgufType::string, UINT64_MAX), Code::data_loss, "over the limit");
  expect_error(array(GgufType::u64, 1).num(UINT64_MAX), Code::data_loss, "over the limit");
  expect_error(Image()
                   .header(0, 2)
                   .text("k").num(type(GgufType::u8)).num<uint8_t>(1)
                   .text("k").num(type(GgufType::u8)).num<uint8_t>(1),
               Code::data_loss, "'k': appears twice");
  expect_error(one_key("general.alignment").num(type(GgufType::u32)).num(48), Code::data_loss,
               "general.alignment");
}

TEST(Gguf, DamagedTensorsAreNamed) {
  auto one = [](std::vector<uint64_t> dims, uint32_t type, uint64_t offset) {
    return Image().header(1, 0).tensor("t", std::move(dims), type, offset).data(256);
  };
  constexpr uint32_t kF32 = 0, kQ4_0 = 2;
  EXPECT_EQ(one({8, 8}, kF32, 0).parse().tensors[0].tensor.bytes, 256u);
  EXPECT_EQ(one({}, kF32, 0).parse().tensors[0].tensor.bytes, 4u) << "a scalar";
  expect_error(one({8, 9}, kF32, 0), Code::data_loss, "tensor 't': its 288 bytes at offset 0");
  expect_error(one({8, 8}, kF32, 32), Code::data_loss, "truncated");
  expect_error(one({8}, kF32, 4), Code::data_loss, "alignment");
  expect_error(one({8}, kF32, UINT64_MAX - 31), Code::data_loss, "tensor 't'");
  expect_error(one({8, 0}, kF32, 0), Code::data_loss, "a dimension is 0");
  expect_error(one({1, 1, 1, 1, 1}, kF32, 0), Code::data_loss, "5 dimensions");
  expect_error(one({1ull << 32, 1ull << 32}, kF32, 0), Code::data_loss, "63 bits");
  expect_error(one({1ull << 62}, kF32, 0), Code::data_loss, "63 bits");
  expect_error(one({1ull << 63}, kF32, 0), Code::data_loss, "a dimension is");
  expect_error(one({33}, kQ4_0, 0), Code::data_loss, "whole Q4_0 blocks of 32");
  EXPECT_EQ(one({8}, 26, 0).parse().tensors[0].unsupported_type, "I32");
  EXPECT_EQ(one({8}, 4000000000u, 0).parse().tensors[0].unsupported_type, "number 4000000000");

  auto two = [](std::string_view a, std::string_view b, uint64_t offset) {
    return Image().header(2, 0).tensor(a, {16}, kF32, 0).tensor(b, {16}, kF32, offset).data(256);
  };
  EXPECT_EQ(two("a", "b", 64).parse().tensors.size(), 2u);
  expect_error(two("a", "b", 32), Code::data_loss, "tensor 'b': overlaps tensor 'a'");
  expect_error(two("a", "a", 64), Code::data_loss, "tensor 'a': appears twice");
  expect_error(two("a", std::string(300, 'n'), 64), Code::data_loss, "limit of 256");
  expect_error(two("a\n", "a\n", 64), Code::data_loss, "tensor 'a\\x0a'");
}

TEST(Gguf, OpeningWhatIsNoModel) {
  auto code_of = [](const std::string& path) {
    try {
      open_store(path);
    } catch (const Error& e) {
      return e.code();
    }
    return Code::internal;
  };
  TemporaryFolder folder;
  testing::write_text(folder / "empty.gguf", "");
  testing::write_text(folder / "text.txt", "hello");
  testing::write_text(folder / "text.gguf", "hello world, this is no model");
  EXPECT_EQ(code_of(folder / "absent.gguf"), Code::not_found);
  EXPECT_EQ(code_of(folder / "empty.gguf"), Code::data_loss);
  EXPECT_EQ(code_of(folder / "text.gguf"), Code::data_loss);
  EXPECT_EQ(code_of(folder / "text.txt"), Code::unimplemented);
  EXPECT_EQ(code_of(folder.path()), Code::not_found) << "no weights in the folder";
  EXPECT_EQ(Registry<Format>::count(), 2);
}

}  // namespace
}  // namespace strata::model
