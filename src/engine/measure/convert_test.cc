// Every causal golden through `convert` to GGUF and back to a Hugging Face folder: the logits stay
// those of the reference.
#include "model/convert/convert.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/measure/logits.h"
#include "model/testing/files.h"

namespace strata::engine {
namespace {

namespace fs = std::filesystem;
using model::testing::golden;
using model::testing::TemporaryFolder;
using Json = nlohmann::json;

std::vector<std::string> causal_goldens() {
  std::vector<std::string> names;
  for (const auto& folder : fs::directory_iterator(golden(""))) {
    if (!fs::exists(folder.path() / "golden.json")) continue;
    const Json json =
        Json::parse(model::testing::read_text((folder.path() / "golden.json").string()));
    if (json.value("kind", "causal") == "causal") names.push_back(folder.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void expect_reference(const std::string& path, const std::string& name) {
  const Json json = Json::parse(model::testing::read_text(golden(name) + "/golden.json"));
  const auto model = model::load(path);
  Session session(*model, {.threads = 2,
                           .precision = Precision::exact,
                           .max_model_len = 512,
                           .max_num_seqs = 4,
                           .max_num_batched_tokens = 64});
  for (const Json& c : json.at("cases")) {
    const std::vector<float> want = c.at("last_logits");
    const LogitsReport got =
        evaluate_logits(session, c.at("prompt").get<std::vector<Token>>(), 1, 0);
    double largest = 1, worst = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      largest = std::max(largest, std::abs(double{want[i]}));
      worst = std::max(worst, std::abs(double{got.last_logits[i]} - want[i]));
    }
    EXPECT_LE(worst, 2e-3 * largest) << path;
  }
}

/// Goldens with settings that GGUF has no keys for: their files carry config.json instead.
const std::set<std::string>& carried() {
  static const std::set<std::string> names{"falcon-rw", "mamba2-groups", "opt-norm-behind"};
  return names;
}

class Converted : public ::testing::TestWithParam<std::string> {};

TEST_P(Converted, ComputesTheSame) {
  const TemporaryFolder folder;
  const std::string gguf = folder / "model.gguf", back = folder / "back";
  const model::Converted written =
      model::convert(*model::open_store(golden(GetParam())), gguf, {.type = "f32", .threads = 2});
  EXPECT_EQ(!written.carried.empty(), carried().contains(GetParam())) << written.carried;
  expect_reference(gguf, GetParam());
  const auto store = model::open_store(gguf);
  model::convert(*store, back, {.type = "bf16", .threads = 2, .shard_bytes = 40000});
  EXPECT_TRUE(fs::exists(back + "/model.safetensors.index.json"));
  expect_reference(back, GetParam());
  const auto original = model::open_store(golden(GetParam())), returned = model::open_store(back);
  for (size_t i = 0; i < original->tensors().size(); ++i) {
    const auto& t = original->tensors()[i];
    // Rows of positions that no token uses come back as zeros; a normalised head stays so.
    if (t.name == "position_embd.weight" || t.name == "output.weight") continue;
    const auto* r = returned->find(t.name);
    ASSERT_TRUE(r) << t.name;
    std::vector<float> before(t.elements()), after(t.elements());
    graph::to_f32(t, before.data());
    graph::to_f32(*r, after.data());
    // Gains that one file stores less by 1 lose what float32 cannot hold beside the 1.
    const bool gain = t.name.ends_with("norm.weight");
    for (size_t j = 0; j < before.size(); ++j)
      ASSERT_NEAR(before[j], after[j], gain ? 0x1p-23 : 0) << t.name << " " << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, Converted, ::testing::ValuesIn(causal_goldens()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace strata::engine
