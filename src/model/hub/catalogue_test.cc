#include "model/hub/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "model/hub/source.h"

namespace strata::model {
namespace {

// GGUF's names of the architectures in the catalogue.
const std::set<std::string_view> kArchitectures = {
    "cohere2", "deepseek2", "exaone", "gemma2",  "gemma3", "glm4",   "gpt-oss", "granite",
    "internlm2", "llama",   "olmo2",  "olmoe",   "phi3",   "qwen2",  "qwen3",   "qwen3moe",
    "smollm3", "starcoder2"};

TEST(Catalogue, HasTheFormItShould) {
  ASSERT_GE(catalogue().size(), 60u);
  EXPECT_TRUE(std::is_sorted(catalogue().begin(), catalogue().end(),
                             [](auto& a, auto& b) { return a.name < b.name; }));
  std::set<std::string_view> names, sources;
  for (const CatalogueEntry& e : catalogue()) {
    EXPECT_TRUE(names.insert(e.name).second) << e.name;
    EXPECT_TRUE(sources.insert(e.source).second) << e.source;
    EXPECT_TRUE(is_plain_name(e.name)) << e.name;
    EXPECT_TRUE(kArchitectures.contains(e.arch)) << e.name;
    EXPECT_FALSE(e.licence.empty()) << e.name;
    EXPECT_GT(e.params_b, 0.05) << e.name;
    EXPECT_LT(e.params_b, 1000) << e.name;
    // Four to eight bits a value; small models keep a large embedding in more.
    EXPECT_GT(e.gb, e.params_b * 0.5) << e.name;
    EXPECT_LT(e.gb, e.params_b * 1.1) << e.name;
    std::istringstream words{std::string(e.quantisations)};
    std::set<std::string> quantisations;
    for (std::string q; words >> q;) EXPECT_TRUE(quantisations.insert(q).second) << e.name;
    EXPECT_FALSE(quantisations.empty()) << e.name;
  }
}

TEST(Catalogue, NamesAreSources) {
  const PullSource s = parse_source("qwen3-8b");
  EXPECT_EQ(s.kind, PullSource::Kind::hub);
  EXPECT_EQ(s.hub, "hf");
  EXPECT_EQ(s.owner, "Qwen");
  EXPECT_EQ(s.name, "Qwen3-8B-GGUF");
  EXPECT_EQ(s.choice, "q4_k_m");
  EXPECT_EQ(parse_source("qwen3-8b:q8_0").choice, "q8_0");
  for (const CatalogueEntry& e : catalogue())
    EXPECT_NO_THROW(parse_source(std::string(e.name))) << e.name;
  EXPECT_EQ(find_in_catalogue("qwen3"), nullptr);
  EXPECT_EQ(catalogue_source("nothing"), "");
}

}  // namespace
}  // namespace strata::model
