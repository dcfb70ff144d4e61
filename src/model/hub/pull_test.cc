#include "model/hub/pull.h"

#include <gtest/gtest.h>
#include <sys/file.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/hub/library.h"
#include "model/hub/sha256.h"
#include "model/testing/files.h"
#include "net/server.h"
#include "net/testing/scripted_server.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;
using net::testing::ScriptedServer;
using testing::read_text;
using testing::TemporaryFolder;
using testing::write_text;

std::string sha256(const std::string& bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.finish();
}

std::string some_model(size_t size = 300'000) {
  std::string bytes = "GGUF";
  for (uint32_t x = 1; bytes.size() < size; x = x * 1664525 + 1013904223)
    bytes += static_cast<char>(x >> 24);
  return bytes;
}

TEST(Sha256, Fips180Examples) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/// A hub on this machine, with both hubs' addresses, and a library of its own.
class Pull : public ::testing::Test {
 protected:
  struct File {
    std::string bytes, listed_sha256;
  };

  Pull() : server_(net::ServerOptions{}), store_(net::ServerOptions{}) {
    setenv("STRATA_HOME", home_.path().c_str(), 1);
    server_.route("GET", "/api/models/{owner}/{name}/tree/main", [this](auto e) { list_hf(*e); });
    server_.route("GET", "/api/v1/models/{owner}/{name}/repo/files",
                  [this](auto e) { list_ms(*e); });
    server_.route("GET", "/{owner}/{name}/resolve/main/{file...}", [this](auto e) {
      authorization_ = std::string(e->request().header("authorization"));
      e->reply(302, "text/plain", "",
               {{"Location", "http://localhost:" + std::to_string(store_.port()) + "/blob/" +
                                 parameter(*e, "file")}});
    });
    server_.route("GET", "/models/{owner}/{name}/resolve/master/{file...}",
                  [this](auto e) { send(*e); });
    server_.route("GET", "/plain/{file...}", [this](auto e) { send(*e); });
    store_.route("GET", "/blob/{file...}", [this](auto e) {
      store_authorization_ = std::string(e->request().header("authorization"));
      send(*e);
    });
    server_.start();
    store_.start();
    url_ = "http://127.0.0.1:" + std::to_string(server_.port());
    setenv("HF_ENDPOINT", (url_ + "/").c_str(), 1);
    setenv("MS_ENDPOINT", url_.c_str(), 1);
    unsetenv("HF_TOKEN");
  }
  ~Pull() override {
    server_.stop(1);
    store_.stop(1);
    for (const char* name : {"STRATA_HOME", "HF_ENDPOINT", "MS_ENDPOINT", "HF_TOKEN"})
      unsetenv(name);
  }

  static std::string parameter(net::Exchange& e, const std::string& name) {
    for (const auto& [key, value] : e.request().path_parameters)
      if (key == name) return value;
    return {};
  }
  void list_hf(net::Exchange& e) {
    nlohmann::json list = {{{"type", "directory"}, {"path", "sub"}, {"size", 0}}};
    for (const auto& [path, f] : files_)
      list.push_back({{"type", "file"}, {"path", path}, {"size", f.bytes.size()}, {"oid", "1f"},
                      {"lfs", {{"oid", f.listed_sha256}, {"size", f.bytes.size()}}}});
    e.reply(200, "application/json", list.dump());
  }
  void list_ms(net::Exchange& e) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [path, f] : files_)
      list.push_back({{"Path", path}, {"Size", f.bytes.size()}, {"Sha256", f.listed_sha256},
                      {"Type", "blob"}});
    e.reply(200, "application/json", nlohmann::json{{"Data", {{"Files", list}}}}.dump());
  }
  void send(net::Exchange& e) {
    const auto found = files_.find(parameter(e, "file"));
    ++sends_;
    if (found == files_.end()) return e.reply(404, "text/plain", "no");
    e.reply(200, "application/octet-stream", found->second.bytes, {{"ETag", "\"v1\""}});
  }
  void offer(const std::string& path, const std::string& bytes) {
    files_[path] = {bytes, sha256(bytes)};
  }
  std::string in_library(const std::string& name) const { return home_ / ("models/" + name); }
  Code failure(const std::string& source) {
    try {
      pull(source, fast_);
    } catch (const Error& e) {
      return e.code();
    }
    ADD_FAILURE() << source << " was pulled";
    return Code::internal;
  }

  const PullOptions fast_{.backoff_s = 0};
  TemporaryFolder home_;
  net::Server server_, store_;
  std::string url_, authorization_, store_authorization_;
  std::map<std::string, File> files_;
  std::atomic<int> sends_ = 0;
};

TEST_F(Pull, FromAHubByQuantisationThroughARedirect) {
  offer("m-Q4_0.gguf", some_model(1000));
  offer("m-Q8_0.gguf", some_model());
  setenv("HF_TOKEN", "secret", 1);
  int64_t last = 0;
  PullOptions options = fast_;
  options.on_progress = [&](const std::string& file, int64_t bytes, int64_t total) {
    EXPECT_EQ(file, "m-Q8_0.gguf");
    EXPECT_GT(bytes, last);
    EXPECT_EQ(total, 300'000);
    last = bytes;
  };
  const Pulled p = pull("hf:o/n:q8_0", options);
  EXPECT_EQ(p.name, "m-Q8_0");
  EXPECT_EQ(read_text(in_library("m-Q8_0.gguf")), files_["m-Q8_0.gguf"].bytes);
  EXPECT_EQ(last, 300'000);
  EXPECT_EQ(authorization_, "Bearer secret");
  EXPECT_EQ(store_authorization_, "");   // another host does not see the token
  EXPECT_EQ(find_model("m-q8"), p.path);
  EXPECT_FALSE(fs::exists(p.path + ".part"));
  sends_ = 0;
  EXPECT_TRUE(pull("hf:o/n:q8_0", fast_).was_there);
  EXPECT_EQ(sends_, 0);
}

TEST_F(Pull, FolderAppearsWhenComplete) {
  offer("config.json", "{}");
  offer("model.safetensors", "weights");
  offer("tokenizer.json", "{\"a\": 1}");
  offer("README.md", "text");
  files_["tokenizer.json"].listed_sha256 = sha256("another");
  EXPECT_EQ(failure("ms:o/n"), Code::data_loss);
  EXPECT_TRUE(library().empty());
  files_["tokenizer.json"].listed_sha256 = sha256("{\"a\": 1}");
  EXPECT_EQ(pull("ms:o/n", {.name = "mine", .backoff_s = 0}).bytes, 17);
  EXPECT_EQ(read_text(in_library("mine/tokenizer.json")), "{\"a\": 1}");
  EXPECT_FALSE(fs::exists(in_library("mine/README.md")));
  EXPECT_TRUE(pull("ms:o/n", {.name = "mine"}).was_there);
}

TEST_F(Pull, WrongChecksumLeavesNothing) {
  offer("m.gguf", some_model());
  files_["m.gguf"].listed_sha256 = sha256("something else");
  EXPECT_EQ(failure("hf:o/n"), Code::data_loss);
  EXPECT_TRUE(library().empty());
  EXPECT_FALSE(fs::exists(in_library("m.gguf.part")));
}

TEST_F(Pull, WhatIsNotThereOrNotAModel) {
  EXPECT_EQ(failure(url_ + "/plain/none.gguf"), Code::not_found);
  EXPECT_FALSE(fs::exists(in_library("none.gguf.part")));
  EXPECT_EQ(failure("hf:o/n"), Code::not_found);
  EXPECT_EQ(failure(url_ + "/plain/page.html"), Code::invalid_argument);
  EXPECT_EQ(failure(url_ + "/plain/..%2Fx.gguf"), Code::invalid_argument);
  EXPECT_EQ(failure(url_ + "/plain/..%5Cx.gguf"), Code::invalid_argument);
  files_["page.gguf"].bytes = "<html>sign in</html>";
  EXPECT_EQ(failure(url_ + "/plain/page.gguf"), Code::data_loss);
  EXPECT_TRUE(library().empty());
}

TEST_F(Pull, TraversalInAListingIsRefused) {
  offer("../../escaped.gguf", some_model(1000));
  EXPECT_EQ(failure("hf:o/n"), Code::data_loss);
  EXPECT_EQ(failure("ms:o/n"), Code::data_loss);
  EXPECT_THROW(pull(url_ + "/plain/x.gguf", {.name = "../x"}), Error);
}

TEST_F(Pull, LocalFileAndFolder) {
  TemporaryFolder elsewhere;
  write_text(elsewhere / "a.gguf", some_model(1000));
  const Pulled p = pull(elsewhere / "a.gguf", {.name = "b"});
  EXPECT_EQ(read_text(in_library("b.gguf")), some_model(1000));
  EXPECT_EQ(p.name, "b");
  fs::create_directory(elsewhere / "hf");
  write_text(elsewhere / "hf/config.json", "{}");
  write_text(elsewhere / "hf/model.safetensors", "w");
  write_text(elsewhere / "hf/notes.txt", "n");
  EXPECT_EQ(pull(elsewhere / "hf", {}).path, in_library("hf"));
  EXPECT_FALSE(fs::exists(in_library("hf/notes.txt")));
  write_text(elsewhere / "c.gguf", some_model(2000));
  EXPECT_THROW(pull(elsewhere / "c.gguf", {.name = "b"}), Error);   // b is another model
}

TEST_F(Pull, RemovingTakesTheWholeModelAndOnlyIt) {
  offer("m-00001-of-00002.gguf", some_model(1000));
  offer("m-00002-of-00002.gguf", some_model(1001));
  offer("m.gguf", some_model(1002));
  EXPECT_EQ(pull("hf:o/n:m-00001-of-00002.gguf", fast_).bytes, 2001);
  write_text(in_library("m.gguf"), some_model(1002));
  EXPECT_THROW(remove_model("m-0"), Error);
  EXPECT_THROW(remove_model("../models/m"), Error);
  EXPECT_EQ(remove_model("m-00001-of-00002"), 2001);
  ASSERT_EQ(library().size(), 1u);
  EXPECT_EQ(library().front().name, "m");
  TemporaryFolder elsewhere;
  write_text(elsewhere / "config.json", "{}");
  fs::create_directory_symlink(elsewhere.path(), in_library("link"));
  remove_model("link");
  EXPECT_TRUE(fs::exists(elsewhere / "config.json"));
}

// --- one file, against servers that misbehave on purpose

std::string range_of(const std::string& header) {
  const size_t at = header.find("Range: bytes=");
  return at == header.npos ? "" : header.substr(at + 13, header.find('-', at) - at - 13);
}

/// Cuts each transfer after `piece` bytes; understands ranges; counts requests.
struct CuttingServer {
  std::string bytes, etag = "\"v1\"";
  size_t piece = 100'000;
  bool ranges = true;
  std::vector<std::string> asked = {};
  ScriptedServer server{[this](int client) { answer(client); }};

  void answer(int client) {
    const std::string header = ScriptedServer::read_header(client);
    asked.push_back(range_of(header));
    const bool same = header.find("If-Range: ") == header.npos ||
                      header.find("If-Range: " + etag) != header.npos;
    const bool part = ranges && same && !asked.back().empty();
    const size_t from = part ? std::stoul(asked.back()) : 0;
    std::string head = part ? "HTTP/1.1 206 Partial\r\nContent-Range: bytes " +
                                  std::to_string(from) + "-" + std::to_string(bytes.size() - 1) +
                                  "/" + std::to_string(bytes.size()) + "\r\n"
                            : "HTTP/1.1 200 OK\r\n";
    head += "ETag: " + etag + "\r\nContent-Length: " + std::to_string(bytes.size() - from);
    ScriptedServer::write(client, head + "\r\n\r\n" + bytes.substr(from, piece));
  }
};

TEST(Download, GoesOnWhereItWasCut) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model()};
  download({.url = hub.server.url("/f"), .path = folder / "f", .sha256 = sha256(hub.bytes),
            .backoff_s = 0});
  EXPECT_EQ(read_text(folder / "f"), hub.bytes);
  EXPECT_EQ(hub.asked, (std::vector<std::string>{"", "100000", "200000"}));
  EXPECT_FALSE(fs::exists(folder / "f.part.etag"));
}

TEST(Download, GoesOnWithWhatAnEarlierRunLeft) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model(), .piece = 1'000'000};
  write_text(folder / "f.part", hub.bytes.substr(0, 5000));
  write_text(folder / "f.part.etag", "\"v1\"");
  download({.url = hub.server.url("/f"), .path = folder / "f", .backoff_s = 0});
  EXPECT_EQ(read_text(folder / "f"), hub.bytes);
  EXPECT_EQ(hub.asked, std::vector<std::string>{"5000"});
}

TEST(Download, StartsAgainWhenTheRemoteFileChanged) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model(), .piece = 1'000'000};
  write_text(folder / "f.part", std::string(5000, 'x'));
  write_text(folder / "f.part.etag", "\"v0\"");
  download({.url = hub.server.url("/f"), .path = folder / "f", .backoff_s = 0});
  EXPECT_EQ(read_text(folder / "f"), hub.bytes);
}

TEST(Download, ASpoiltPartIsFoundByTheChecksum) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model(), .piece = 1'000'000};
  write_text(folder / "f.part", std::string(5000, 'x'));
  download({.url = hub.server.url("/f"), .path = folder / "f", .sha256 = sha256(hub.bytes),
            .backoff_s = 0});
  EXPECT_EQ(read_text(folder / "f"), hub.bytes);
}

TEST(Download, ServersWithoutRangesSendAllAgain) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model(), .piece = 1'000'000, .ranges = false};
  write_text(folder / "f.part", hub.bytes.substr(0, 5000));
  write_text(folder / "f.part.etag", "\"v1\"");
  download({.url = hub.server.url("/f"), .path = folder / "f", .backoff_s = 0});
  EXPECT_EQ(read_text(folder / "f"), hub.bytes);
}

TEST(Download, GivesUpWhenNothingComes) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model(), .piece = 0};
  try {
    download({.url = hub.server.url("/f"), .path = folder / "f", .backoff_s = 0});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unavailable);
  }
  EXPECT_EQ(hub.asked.size(), 5u);
}

TEST(Download, SizesThatDisagreeAreRefusedEarly) {
  TemporaryFolder folder;
  CuttingServer hub{.bytes = some_model()};
  try {
    download({.url = hub.server.url("/f"), .path = folder / "f", .bytes = 17});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data_loss);
  }
  EXPECT_THROW(need_disk_space(folder.path(), int64_t{1} << 60), Error);
}

TEST(Download, OneAtATime) {
  TemporaryFolder folder;
  write_text(folder / "f.part", "");
  FILE* other = std::fopen((folder / "f.part").c_str(), "r");
  ASSERT_EQ(flock(fileno(other), LOCK_EX | LOCK_NB), 0);
  try {
    download({.url = "http://127.0.0.1:9/f", .path = folder / "f", .backoff_s = 0});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unavailable);
    EXPECT_NE(std::string(e.what()).find("another process"), std::string::npos);
  }
  std::fclose(other);
}

}  // namespace
}  // namespace strata::model
