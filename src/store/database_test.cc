#include "store/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "base/error.h"

namespace strata::store {
namespace {

TEST(Database, KeepsWhatWasWritten) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("database_test_" + std::to_string(getpid()));
  const std::string hostile("a'; DROP TABLE t; --\0b", 22);
  {
    Database db(path.string());
    db.run("CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER)");
    Statement(db, "INSERT INTO t VALUES (?, ?)").bind(1, hostile).bind(2, 1LL << 40).run();
    EXPECT_EQ(db.changed(), 1);
    EXPECT_THROW(Statement(db, "INSERT INTO t VALUES (?, ?)").bind(1, hostile).bind(2, 2).run(),
                 Error);
    EXPECT_THROW(Statement(db, "no SQL"), Error);
  }
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
  Database db(path.string());
  Statement read(db, "SELECT k, n FROM t");
  ASSERT_TRUE(read.step());
  EXPECT_EQ(read.text(0), hostile);
  EXPECT_EQ(read.integer(1), 1LL << 40);
  EXPECT_FALSE(read.step());
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + end);
}

TEST(Database, ThreadsTakeTurns) {
  Database db(":memory:");
  db.run("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) Statement(db, "UPDATE t SET n = n + 1").run();
    });
  for (std::thread& thread : threads) thread.join();
  Statement read(db, "SELECT n FROM t");
  ASSERT_TRUE(read.step());
  EXPECT_EQ(read.integer(0), 800);
}

TEST(Database, SaysWhereItCannotBe) { EXPECT_THROW(Database("/no/such/folder/db"), Error); }

}  // namespace
}  // namespace strata::store
