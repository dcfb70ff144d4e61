// Checkpoints that other frameworks' own libraries wrote: every tensor equals the golden's.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "model/store.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;
using testing::golden;

std::vector<std::string> written() {
  std::vector<std::string> names;
  for (const auto& folder : fs::directory_iterator(golden("formats")))
    if (fs::exists(folder.path() / "written-by.txt"))
      names.push_back(folder.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<float> values(const graph::StoredTensor& t) {
  std::vector<float> out(t.elements());
  graph::to_f32(t, out.data());
  return out;
}

class Written : public ::testing::TestWithParam<std::string> {};

TEST_P(Written, EqualsTheGolden) {
  const std::string folder = golden("formats/" + GetParam());
  std::string name;
  std::istringstream by(testing::read_text(folder + "/written-by.txt"));
  std::getline(by, name);
  const auto store = open_store(folder), reference = open_store(golden(name));
  EXPECT_EQ(store->format(), "hf");
  for (const graph::StoredTensor& r : reference->tensors()) {
    const graph::StoredTensor* t = store->find(r.name);
    ASSERT_TRUE(t) << r.name;
    EXPECT_EQ(t->shape, r.shape) << r.name;
    EXPECT_EQ(values(*t), values(r)) << r.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Written, ::testing::ValuesIn(written()), [](const auto& info) {
  std::string name = info.param;
  for (char& c : name) c = std::isalnum(c) ? c : '_';
  return name;
});

}  // namespace
}  // namespace strata::model
