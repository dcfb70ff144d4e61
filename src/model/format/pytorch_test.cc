// Pickles and archives that torch.save would not write: none is executed, each is blamed.
#include "model/format/pytorch.h"

#include <gtest/gtest.h>

#include "model/format/pickle.h"
#include "model/testing/files.h"
#include "model/testing/hostile.h"

namespace strata::model {
namespace {

using namespace std::string_literals;

Pickle read(const std::string& text) {
  return read_pickle({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "t.pkl");
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data_loss);
    return e.what();
  }
  return "accepted";
}

TEST(Pickle, RunsNoCode) {
  // os.system("id"), as every protocol spells it.
  EXPECT_EQ(refusal("cos\nsystem\n(S'id'\ntR."),
            "t.pkl: pickle: at byte 0: opcode GLOBAL asks for 'os system', which a state dict does "
            "not need; nothing was executed, and the file is refused");
  EXPECT_NE(refusal("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."s)
                .find("at byte 17: opcode STACK_GLOBAL asks for 'posix system'"),
            std::string::npos);
  EXPECT_NE(refusal("(S'id'\nios\nsystem\n.").find("opcode INST"), std::string::npos);
  EXPECT_NE(refusal("cbuiltins\neval\n.").find("'builtins eval'"), std::string::npos);
  EXPECT_NE(refusal("ctorch\nload\n.").find("'torch load'"), std::string::npos);
  EXPECT_NE(refusal("ccollections\nOrderedDict\n)\x81.").find("opcode NEWOBJ"), std::string::npos);
  EXPECT_NE(refusal("(ccollections\nOrderedDict\no.").find("opcode OBJ"), std::string::npos);
  EXPECT_NE(refusal("\x82\x01.").find("opcode EXT1"), std::string::npos);
  EXPECT_NE(refusal("]}b.").find("opcode BUILD"), std::string::npos);
}

TEST(Pickle, BlamesWhatIsMalformed) {
  for (const std::string& text :
       {""s, "."s, "N"s, "0."s, "t."s, "e."s, "a."s, "]s."s, "Nq\x01h\x02."s, "\x85."s, "R."s,
        "Q."s, "(Nu."s, "X\xff\xff\xff\xff."s, "\x8e\xff\xff\xff\xff\xff\xff\xff\xff."s, "Ix\n."s,
        "I99999999999999999999\n."s, "cos"s, "\xff."s})
    EXPECT_NE(refusal(text), "accepted") << ::testing::PrintToString(text);
}

TEST(Pickle, ReadsWhatStateDictsHave) {
  const Pickle p =
      read("\x80\x02}(X\x01\0\0\0aK\x07X\x01\0\0\0bJ\xfe\xff\xff\xffX\x01\0\0\0c\x8a\x01\x80u."s);
  const auto& dict = std::get<PickleValue::Dict>(p.root->v);
  ASSERT_EQ(dict.items.size(), 3u);
  EXPECT_EQ(std::get<int64_t>(dict.items[0].second->v), 7);
  EXPECT_EQ(std::get<int64_t>(dict.items[1].second->v), -2);
  EXPECT_EQ(std::get<int64_t>(dict.items[2].second->v), -128);
}

// A list inside itself, and a dict that is its own value: walked to a limit, freed once.
TEST(Pickle, CyclesEnd) {
  EXPECT_NO_THROW(
      read("]q\x01h\x01"
           "a."));
  const std::string dict = "}q\x01X\x01\0\0\0ah\x01s."s;
  EXPECT_NO_THROW(read(dict));
  std::vector<uint8_t> file = testing::read_bytes(testing::golden("formats/torch-legacy/model.pt"));
  // Behind magic, version and machine: the state refers to itself.
  const std::string text(file.begin(), file.end());
  const size_t state = text.find("}q\x00(X\x05\0\0\0epoch"s);
  ASSERT_NE(state, text.npos);
  const std::string bad = text.substr(0, state) + dict + "]." + text.substr(state);
  EXPECT_THROW(parse_pytorch({reinterpret_cast<const uint8_t*>(bad.data()), bad.size()}, "t.pt"),
               Error);
}

// A view that claims more than its storage, by offset, by shape and by a stride of nothing.
TEST(PyTorch, ViewsStayInsideTheirStorage) {
  const std::string path = testing::golden("formats/torch-zip/pytorch_model.bin");
  std::vector<uint8_t> file = testing::read_bytes(path);
  std::string text(file.begin(), file.end());
  // The shape (384, 64) of the embedding as BININT2 and BININT1, then its strides (64, 1).
  const std::string shape = "M\x80\x01K@\x86"s, strides = "K@K\x01\x86"s;
  const size_t at = text.find(shape), stride = text.find(strides, at);
  ASSERT_NE(at, text.npos);
  ASSERT_NE(stride, text.npos);
  const auto accepted = [&](size_t where, const std::string& bytes) {
    std::string changed = text;
    changed.replace(where, bytes.size(), bytes);
    return testing::accepts([&] {
      parse_pytorch({reinterpret_cast<const uint8_t*>(changed.data()), changed.size()}, "t.bin");
    });
  };
  EXPECT_TRUE(accepted(at, shape));
  EXPECT_FALSE(accepted(at, "M\x81\x01K@\x86"s));
  EXPECT_FALSE(accepted(at, "M\xff\xffK@\x86"s));
  EXPECT_FALSE(accepted(stride, "KAK\x01\x86"s));
  EXPECT_TRUE(accepted(stride, "K\x01K\x01\x86"s));
}

}  // namespace
}  // namespace strata::model
