#include "engine/kv/tier_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "engine/kv/block_file.h"
#include "engine/kv/prefix_tree.h"

namespace strata::engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBytes = 3000;

/// Page b holds bytes that follow from `content[b]`.
struct Pool : PageIo {
  void copy_state(int32_t, int32_t) override {}
  explicit Pool(int n) : blocks(n, std::vector<uint8_t>(kBytes)) {}
  void copy_page(int32_t from, int32_t to) override { blocks[to] = blocks[from]; }
  size_t page_bytes() const override { return kBytes; }
  void read_page(int32_t b, uint8_t* out) const override {
    std::memcpy(out, blocks[b].data(), kBytes);
  }
  void write_page(int32_t b, const uint8_t* bytes) override {
    std::memcpy(blocks[b].data(), bytes, kBytes);
  }
  void fill(int b, int content) {
    std::mt19937 random(content);
    for (uint8_t& v : blocks[b]) v = uint8_t(random());
  }
  bool holds(int b, int content) const {
    std::mt19937 random(content);
    for (uint8_t v : blocks[b])
      if (v != uint8_t(random())) return false;
    return true;
  }
  std::vector<std::vector<uint8_t>> blocks;
};

std::vector<Token> tokens_of(int content) {
  std::vector<Token> tokens(kBlock);
  std::iota(tokens.begin(), tokens.end(), 1000 * content);
  return tokens;
}

std::vector<int32_t> pages(int32_t page) { return {page}; }

class TierTest : public ::testing::Test {
 protected:
  TierTest() {
    folder_ = fs::temp_directory_path() / ("strata_tier_" + std::to_string(::getpid()) + "_" +
                                           ::testing::UnitTest::GetInstance()
                                               ->current_test_info()->name());
    fs::remove_all(folder_);
  }
  ~TierTest() override { fs::remove_all(folder_); }

  TierOptions disk(size_t blocks = 100, std::string model = std::string(64, 'm')) {
    const size_t each = block_file_bytes(model, kBlock, kBytes);
    return {.ram_bytes = 4 * kBytes, .disk_path = folder_.string(), .disk_bytes = blocks * each,
            .model = std::move(model)};
  }
  static BlockKey key(TierStore& store, int content) {
    return child_key(store.model_root(0), tokens_of(content));
  }
  void persist(TierStore& store, int content) {
    pool_.fill(0, content);
    store.persist(key(store, content), tokens_of(content), pages(0));
    store.flush();
  }
  /// Is the block there, through memory, and right?
  bool comes_back(TierStore& store, int content) {
    const auto ticket = store.fetch({{key(store, content), tokens_of(content)}});
    store.flush();
    EXPECT_FALSE(store.pending(ticket));
    pool_.fill(1, 0);
    if (!store.load(key(store, content), tokens_of(content), pages(1))) return false;
    EXPECT_TRUE(pool_.holds(1, content)) << "a wrong block was served";
    return true;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& e : fs::recursive_directory_iterator(folder_))
      if (e.is_regular_file()) found.push_back(e.path());
    return found;
  }

  fs::path folder_;
  Pool pool_{4};
};

TEST_F(TierTest, MemoryIsBoundedAndForgetsTheLeastRecentlyUsed) {
  TierStore store({.ram_bytes = 3 * kBytes, .disk_path = "", .disk_bytes = 0, .model = "m"},
                  pool_);
  for (int i = 1; i <= 3; ++i) {
    pool_.fill(0, i);
    store.keep(key(store, i), tokens_of(i), pages(0));
  }
  EXPECT_TRUE(store.load(key(store, 1), tokens_of(1), pages(2)));
  EXPECT_TRUE(pool_.holds(2, 1));
  pool_.fill(0, 4);
  store.keep(key(store, 4), tokens_of(4), pages(0));
  EXPECT_LT(store.in_ram(key(store, 2)), 0);
  EXPECT_GE(store.in_ram(key(store, 1)), 0);
  EXPECT_EQ(store.stats().ram_blocks, 3u);
  EXPECT_FALSE(store.load(key(store, 1), tokens_of(2), pages(2)));   // tokens are compared
}

TEST_F(TierTest, FilesOutliveTheProcess) {
  {
    TierStore store(disk(), pool_);
    for (int i = 1; i <= 5; ++i) persist(store, i);
    EXPECT_EQ(store.stats().disk_writes, 5u);
  }
  TierStore store(disk(), pool_);
  EXPECT_EQ(store.stats().disk_blocks, 5u);
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(comes_back(store, i));
  EXPECT_FALSE(comes_back(store, 6));
  EXPECT_GT(store.stats().load_s_per_block, 0);
}

TEST_F(TierTest, AnotherModelsFilesAreNotUsed) {
  { TierStore store(disk(), pool_); persist(store, 1); }
  TierStore other(disk(100, std::string(64, 'n')), pool_);
  EXPECT_FALSE(comes_back(other, 1));
  // Not even in the right place with the right name.
  const fs::path file = files().at(0);
  std::vector<uint8_t> bytes(kBytes);
  EXPECT_FALSE(read_block_file(file.string(), std::string(64, 'n'), key(other, 1), tokens_of(1),
                               bytes));
}

TEST_F(TierTest, TheDiskIsBounded) {
  TierStore store(disk(3), pool_);
  for (int i = 1; i <= 3; ++i) persist(store, i);
  EXPECT_TRUE(comes_back(store, 1));
  persist(store, 4);
  EXPECT_EQ(files().size(), 3u);
  EXPECT_LT(store.on_disk(key(store, 2)), 0);
  EXPECT_GE(store.on_disk(key(store, 1)), 0);
}

TEST_F(TierTest, ADamagedFileIsNeverServed) {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    TierStore store(disk(), pool_);
    persist(store, 1);
    const fs::path file = files().at(0);
    const auto size = fs::file_size(file);
    if (round % 3 == 0) {
      fs::resize_file(file, random() % size);
    } else if (round % 3 == 1) {
      std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
      const auto at = std::streamoff(random() % size);
      f.seekg(at);
      const char byte = char(f.get());
      f.seekp(at);
      f.put(char(byte ^ (1 << random() % 8)));
    } else {
      std::ofstream(file, std::ios::app | std::ios::binary) << "more";
    }
    EXPECT_FALSE(comes_back(store, 1)) << round;
    EXPECT_EQ(store.stats().corrupt, 1u);
    EXPECT_TRUE(files().empty());
    persist(store, 1);   // and it can be written again
    EXPECT_TRUE(comes_back(store, 1));
    fs::remove_all(folder_);
  }
}

TEST_F(TierTest, AFullDiskLeavesNothingBehindAndHurtsNobody) {
  TierStore store(disk(), pool_);
  persist(store, 1);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{}, small{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 1000;   // every file is too large now
  ::setrlimit(RLIMIT_FSIZE, &small);
  persist(store, 2);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(files().size(), 1u);
  EXPECT_LT(store.on_disk(key(store, 2)), 0);
  EXPECT_TRUE(comes_back(store, 1));
  persist(store, 3);       // it pauses before it tries again
  EXPECT_LT(store.on_disk(key(store, 3)), 0);
}

TEST_F(TierTest, KilledWhileWritingItLeavesWholeFilesOrNone) {
  for (int round = 0; round < 5; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      TierStore store(disk(2000), pool_);
      for (int i = 1;; i = i % 500 + 1) {
        pool_.fill(0, i);
        store.persist(key(store, i), tokens_of(i), pages(0));
      }
    }
    ::usleep(20000 + 7000 * round);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    TierStore store(disk(2000), pool_);
    int found = 0;
    for (int i = 1; i <= 500; ++i)
      if (store.on_disk(key(store, i)) >= 0) {
        EXPECT_TRUE(comes_back(store, i));
        ++found;
      }
    EXPECT_EQ(store.stats().corrupt, 0u);
    EXPECT_EQ(files().size(), size_t(found));   // what was cut off is gone
  }
}

// A block without the pages of its windows, then with them: the fuller one stays, here and on disk.
TEST_F(TierTest, ABlockIsKeptWithAsManyPagesAsEver) {
  TierOptions options = disk();
  options.block_pages = 3;
  options.bare_pages = 1;
  options.ram_bytes = 10 * kBytes;
  const std::vector<int32_t> bare = {0}, whole = {0, 1, 2};
  for (int i = 0; i < 3; ++i) pool_.fill(i, 10 + i);
  {
    TierStore store(options, pool_);
    const BlockKey name = key(store, 1);
    EXPECT_EQ(store.in_ram(name), TierStore::kAbsent);
    for (const auto& pages : {bare, whole, bare}) {
      store.keep(name, tokens_of(1), pages);
      store.persist(name, tokens_of(1), pages);
      store.flush();
    }
    EXPECT_EQ(store.in_ram(name), 3);
    EXPECT_EQ(store.on_disk(name), 3);
    EXPECT_EQ(store.stats().disk_blocks, 1u);
    store.keep(key(store, 2), tokens_of(2), bare);
    store.persist(key(store, 2), tokens_of(2), bare);
  }
  TierStore store(options, pool_);
  EXPECT_EQ(store.on_disk(key(store, 1)), 3);
  EXPECT_EQ(store.on_disk(key(store, 2)), 1);
  store.fetch({{key(store, 1), tokens_of(1)}, {key(store, 2), tokens_of(2)}});
  store.flush();
  EXPECT_FALSE(store.load(key(store, 2), tokens_of(2), whole));
  pool_.fill(1, 0);
  pool_.fill(3, 0);
  const std::vector<int32_t> some = {-1, -1, 3};
  EXPECT_TRUE(store.load(key(store, 1), tokens_of(1), some));
  EXPECT_TRUE(pool_.holds(3, 12));
  EXPECT_TRUE(pool_.holds(1, 0)) << "a page that nobody asked for was written";
}

}  // namespace
}  // namespace strata::engine
