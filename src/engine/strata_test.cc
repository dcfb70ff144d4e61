#include "engine/strata.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/testing/files.h"

namespace strata {
namespace {

using model::testing::golden;

// The same weights in every container: the plan tells which, and the logits are the golden's.
TEST(Library, LoadsAnyContainer) {
  const auto json =
      nlohmann::json::parse(model::testing::read_text(golden("llama/golden.json"))).at("cases")[0];
  const std::vector<int32_t> prompt = json.at("prompt");
  const std::vector<float> want = json.at("last_logits");
  double largest = 1;
  for (float l : want) largest = std::max(largest, std::abs(double{l}));
  const std::pair<const char*, const char*> cases[] = {
      {"llama", "safetensors"},           {"formats/torch-zip", "pytorch"},
      {"formats/torch-legacy", "pytorch"}, {"formats/tensorflow-objects", "tensorflow"},
      {"formats/keras-archive", "keras"},  {"formats/mindspore-ckpt", "mindspore"},
      {"formats/onnx-external", "onnx"}};
  for (const auto& [folder, container] : cases) {
    const model::Plan plan = Model::plan(golden(folder));
    EXPECT_EQ(plan.container, container);
    EXPECT_EQ(plan.architecture, "llama");
    EXPECT_TRUE(plan.runs()) << plan_text(plan);
    Model model = Model::load(golden(folder), {.threads = 2, .context = 256, .exact = true});
    const std::vector<float> got = model.logits(prompt);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 2e-3 * largest) << folder << " " << i;
  }
}

TEST(Library, CompletesText) {
  Model model = Model::load(model::testing::real_model("SmolLM2-135M-Instruct.Q4_1.gguf"),
                            {.context = 256});
  EXPECT_NE(model.complete("The capital of France is", 8).find("Paris"), std::string::npos);
  const std::vector<int32_t> tokens = model.encode("Hello world");
  EXPECT_EQ(model.decode(tokens), "Hello world");
}

TEST(Library, SaysWhyAModelDoesNotRun) {
  const model::testing::TemporaryFolder folder;
  std::string config = model::testing::read_text(golden("llama/config.json"));
  config.replace(config.find("\"num_hidden_layers\": 3"), 22, "\"num_hidden_layers\": 4");
  model::testing::write_text(folder / "config.json", config);
  std::filesystem::copy(golden("llama/model.safetensors"), folder / "model.safetensors");
  const model::Plan plan = Model::plan(folder.path());
  ASSERT_FALSE(plan.runs());
  EXPECT_NE(plan.blockers[0].find("blk.3."), std::string::npos) << plan.blockers[0];
  EXPECT_EQ(plan.remarks.size(), 1u) << "no tokenizer";
  try {
    Model::load(folder.path());
    ADD_FAILURE() << "loaded";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unimplemented);
    EXPECT_NE(std::string(e.what()).find("blk.3."), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace strata
