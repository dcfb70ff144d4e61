#include "main/config_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace strata {
namespace {

class ConfigFileTest : public ::testing::Test {
 protected:
  ConfigFileTest() {
    app.add_option("--port", options.app.port)->check(CLI::Range(0, 65535));
    app.add_option("--cors-origin", options.app.cors_origins);
    app.add_flag("--library", options.library);
    app.add_option("--model-memory", options.fleet.memory_bytes)
        ->transform(CLI::AsSizeValue(false));
  }
  ~ConfigFileTest() override { std::filesystem::remove(path); }
  void read(const std::string& text) {
    std::ofstream(path) << text;
    read_config_file(path, app, options);
  }
  std::string problem(const std::string& text) {
    try {
      read(text);
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  }
  const std::string path =
      std::filesystem::temp_directory_path() / ("config_" + std::to_string(getpid()) + ".toml");
  CLI::App app;
  ServingOptions options;
};

TEST_F(ConfigFileTest, OptionsModelsAndKeys) {
  read(R"(
port = 1234
library = true
model-memory = "2KiB"
cors-origin = ["a", "b"]
[[models]]
name = "chat"
model = "file.gguf"
aliases = ["x"]
pin = true
keep-alive = 5
kv-cache-bytes = "1MiB"
[[keys]]
name = "alice"
key = "secret"
role = "admin"
tokens-per-day = 10
)");
  EXPECT_EQ(options.app.port, 1234);
  EXPECT_TRUE(options.library);
  EXPECT_EQ(options.fleet.memory_bytes, 2048u);
  EXPECT_EQ(options.app.cors_origins, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(options.entries.size(), 1u);
  EXPECT_EQ(options.entries[0].aliases, std::vector<std::string>{"x"});
  EXPECT_EQ(options.entries[0].keep_alive_s, 5.0);
  EXPECT_EQ(options.entries[0].kv_bytes, 1u << 20);
  ASSERT_EQ(options.app.keys.size(), 1u);
  EXPECT_EQ(options.app.keys[0].role, serve::Role::admin);
  EXPECT_EQ(options.app.keys[0].tokens_per_day, 10);
}

TEST_F(ConfigFileTest, TheCommandLineComesFirst) {
  app.parse("--port 1");
  read("port = 2");
  EXPECT_EQ(options.app.port, 1);
}

TEST_F(ConfigFileTest, ProblemsNameLineAndKey) {
  EXPECT_NE(problem("\nprot = 1").find(":2: 'prot'"), std::string::npos);
  EXPECT_NE(problem("port = 70000").find("70000"), std::string::npos);
  EXPECT_NE(problem("[[models]]\nnam = 1").find("'nam'"), std::string::npos);
  EXPECT_NE(problem("[[keys]]\nrole = \"king\"").find("'role'"), std::string::npos);
  EXPECT_NE(problem("keys = 3").find("[[keys]]"), std::string::npos);
  EXPECT_NE(problem("a = [").find(":1:"), std::string::npos);
  EXPECT_THROW(read_config_file("/no/such.toml", app, options), Error);
}

}  // namespace
}  // namespace strata
