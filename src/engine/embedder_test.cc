// all-MiniLM-L6-v2 against sentence-transformers (tools/golden/embeddings.py).
#include "engine/embedder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace strata::engine {
namespace {

using Json = nlohmann::json;

std::string from(const char* variable, const std::string& absent) {
  const char* value = std::getenv(variable);
  return value ? value : absent;
}

std::string source() { return from("STRATA_SOURCE", "."); }

std::shared_ptr<model::Model> mini_lm() {
  return model::load(from("STRATA_TEST_MODELS", source() + "/build/models") +
                     "/all-MiniLM-L6-v2");
}

std::vector<float> floats(const std::string& base64) {
  std::string bytes;
  uint32_t bits = 0;
  int n = 0;
  for (char c : base64) {
    static const std::string alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t value = alphabet.find(c);
    if (value == std::string::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    n += 6;
    if (n < 8) continue;
    n -= 8;
    bytes += static_cast<char>(bits >> n & 255);
  }
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

TEST(Embedder, EqualsSentenceTransformers) {
  std::ifstream in(source() + "/tests/golden/embeddings.json");
  ASSERT_TRUE(in) << "no tests/golden/embeddings.json";
  const Json golden = Json::parse(in);
  const auto model = mini_lm();
  EXPECT_EQ(model::default_pooling(*model), model::Pooling::mean);
  EXPECT_EQ(model::text_limit(*model), golden.at("max_tokens"));
  Embedder embedder(model, {.threads = 2});
  std::vector<std::vector<Token>> inputs;
  for (const Json& c : golden.at("cases"))
    inputs.push_back(embedder.encode(c.at("text").get<std::string>()));
  ASSERT_GE(inputs.size(), 100u);
  const auto vectors = embedder.embed(inputs);
  double worst = 1;
  for (size_t i = 0; i < vectors.size(); ++i) {
    const std::vector<float> want = floats(golden["cases"][i].at("vector"));
    ASSERT_EQ(vectors[i].size(), want.size());
    EXPECT_NEAR(dot(vectors[i], vectors[i]), 1, 1e-5);
    worst = std::min(worst, dot(vectors[i], want));
    EXPECT_GE(dot(vectors[i], want), 0.9999) << golden["cases"][i].at("text");
  }
  RecordProperty("smallest_cosine", std::to_string(worst));
}

TEST(Embedder, RefusesWhatItCannotRead) {
  Embedder embedder(mini_lm(), {.threads = 1, .max_model_len = 16, .max_num_batched_tokens = 16});
  const auto refused = [&](std::vector<Token> input, std::string_view reason) {
    try {
      embedder.embed({std::move(input)});
      ADD_FAILURE() << "embedded";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::invalid_argument);
      EXPECT_EQ(e.reason(), reason);
    }
  };
  refused({}, "");
  refused({1 << 20}, "");
  refused(std::vector<Token>(17, 5), "context_length_exceeded");
  EXPECT_EQ(embedder.embed({}).size(), 0u);
  EXPECT_EQ(embedder.embed({{101, 102}, std::vector<Token>(16, 5)}).size(), 2u);
}

}  // namespace
}  // namespace strata::engine
