#include "store/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "base/error.h"

namespace strata::store {

constexpr int busy_ms = 5000;   // another process writes

Statement::Statement(Database& database, std::string_view sql)
    : database_(database), lock_(database.mutex_) {
  check(sqlite3_prepare_v2(database_.handle_, sql.data(), static_cast<int>(sql.size()),
                           &statement_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::check(int result) const {
  if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE) return;
  fail(Code::unavailable, "the state database says: {}", sqlite3_errmsg(database_.handle_));
}

Statement& Statement::bind(int i, int64_t value) {
  check(sqlite3_bind_int64(statement_, i, value));
  return *this;
}

Statement& Statement::bind(int i, std::string_view value) {
  check(sqlite3_bind_text64(statement_, i, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_);
  check(result);
  return result == SQLITE_ROW;
}

int64_t Statement::integer(int i) const { return sqlite3_column_int64(statement_, i); }

std::string Statement::text(int i) const {
  const unsigned char* data = sqlite3_column_text(statement_, i);
  const int bytes = sqlite3_column_bytes(statement_, i);
  return data ? std::string(reinterpret_cast<const char*>(data), static_cast<size_t>(bytes))
              : std::string();
}

Database::Database(const std::string& path) {
  const mode_t before = umask(0077);
  const int result = sqlite3_open_v2(
      path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
      nullptr);
  umask(before);
  if (result != SQLITE_OK) {
    const std::string reason = handle_ ? sqlite3_errmsg(handle_) : "out of memory";
    sqlite3_close(handle_);
    fail(Code::unavailable, "cannot open the state database '{}': {}", path, reason);
  }
  sqlite3_busy_timeout(handle_, busy_ms);
  run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;");
}

Database::~Database() { sqlite3_close(handle_); }

void Database::run(const char* sql) {
  std::lock_guard lock(mutex_);
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(Code::unavailable, "the state database says: {}", sqlite3_errmsg(handle_));
}

int Database::changed() const { return sqlite3_changes(handle_); }

}  // namespace strata::store
