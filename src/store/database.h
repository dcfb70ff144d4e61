// SQLite: a database, statements with bound values.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace strata::store {

class Database;

/// One run of one SQL statement. It holds the database's lock: keep it short-lived, and have one at
/// a time in a thread.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;

  // Parameters, counted from 1.
  Statement& bind(int i, int64_t value);
  Statement& bind(int i, std::string_view value);

  /// True: there is a row. Errors: unavailable with what SQLite says.
  bool step();
  void run() { while (step()) {} }

  // Columns of the row, counted from 0.
  int64_t integer(int i) const;
  std::string text(int i) const;

 private:
  void check(int result) const;

  Database& database_;
  std::unique_lock<std::recursive_mutex> lock_;
  sqlite3_stmt* statement_ = nullptr;
};

/// Thread-safe.
class Database {
 public:
  /// A file, made if it is not there (readable by its owner only), or ":memory:".
  /// Errors: unavailable.
  explicit Database(const std::string& path);
  ~Database();
  Database(const Database&) = delete;

  /// Statements without values: a schema. Errors: unavailable.
  void run(const char* sql);
  /// Rows that the last statement changed.
  int changed() const;

 private:
  friend class Statement;
  sqlite3* handle_ = nullptr;
  std::recursive_mutex mutex_;
};

}  // namespace strata::store
