// What quantised caches cost on real text: the model is one whose keys have channels a hundred
// times the others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "engine/measure/divergence.h"
#include "model/model.h"

namespace strata::engine {
namespace {

std::string from(const char* variable, const std::string& otherwise) {
  const char* value = std::getenv(variable);
  return value ? value : otherwise;
}

class KvTypes : public testing::Test {
 protected:
  KvTypes() {
    const std::string source = from("STRATA_SOURCE", ".");
    model_ = model::load(from("STRATA_TEST_MODELS", source + "/build/models") +
                         "/Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf");
    std::ifstream file(source + "/docs/engine.md");
    text_ = model_->tokenizer->encode(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  /// Of a cache of that type from one of f32; all else in float32, so that nothing but the cache
  /// is seen.
  DivergenceReport cost_of(const std::string& type) {
    EngineOptions options{.precision = Precision::exact,
                          .max_model_len = kContext,
                          .max_num_seqs = 1,
                          .max_num_batched_tokens = kContext,
                          .kv_cache_dtype = "f32"};
    Session reference(*model_, options);
    options.kv_cache_dtype = type;
    Session tested(*model_, options);
    return divergence(reference, tested, {.tokens = text_, .context = kContext, .max_windows = 1});
  }
  static constexpr int kContext = STRATA_TEST_SHORT ? 64 : 128;
  std::shared_ptr<model::Model> model_;
  std::vector<Token> text_;
};

TEST_F(KvTypes, EightBitsCostNextToNothing) {
  const double eight = cost_of("q8_0").mean;
  EXPECT_GT(eight, 0);
  EXPECT_LT(eight, 1e-3);
  if (STRATA_TEST_SHORT) return;   // one pass of this model takes minutes there
  const double four = cost_of("q4_0").mean;
  EXPECT_GT(four, eight);
  EXPECT_LT(four, 0.2);
}

}  // namespace
}  // namespace strata::engine
