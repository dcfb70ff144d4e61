// What quantised caches cost on real text: the model is one whose keys have channels a hundred
// times the others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "engine/measure/perplexity.h"
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
  double nll(const std::string& type) {
    Session session(*model_, {.max_model_len = kContext,
                              .max_num_seqs = 1,
                              .max_num_batched_tokens = kContext,
                              .kv_cache_dtype = type});
    return perplexity(session, text_, kContext, -1, 1, {}).nll;
  }
  static constexpr int kContext = 512;
  std::shared_ptr<model::Model> model_;
  std::vector<Token> text_;
};

TEST_F(KvTypes, EightBitsCostNextToNothing) {
  const double f16 = nll("f16");
  EXPECT_NEAR(nll("q8_0"), f16, 0.01);
  EXPECT_LT(nll("q4_0"), f16 + 0.2);
}

}  // namespace
}  // namespace strata::engine
