#include "serve/response_store.h"

#include "base/clock.h"

namespace strata::serve {

ResponseStore::ResponseStore(store::Database& database) : database_(database) {
  database_.run(
      "CREATE TABLE IF NOT EXISTS responses (number INTEGER PRIMARY KEY, id TEXT UNIQUE, "
      "owner TEXT, created INTEGER, body TEXT, messages TEXT, input TEXT)");
}

void ResponseStore::put(std::string_view owner, std::string_view id, const StoredResponse& r) {
  const int64_t now = unix_time_s();
  store::Statement(database_, "INSERT INTO responses VALUES (NULL, ?, ?, ?, ?, ?, ?)")
      .bind(1, id).bind(2, owner).bind(3, now).bind(4, r.body).bind(5, r.messages)
      .bind(6, r.input).run();
  store::Statement(database_, "DELETE FROM responses WHERE created < ?1 OR number <= "
                              "(SELECT MAX(number) FROM responses) - ?2")
      .bind(1, now - max_age_s).bind(2, max_kept).run();
}

std::optional<StoredResponse> ResponseStore::get(std::string_view owner, std::string_view id) {
  store::Statement row(database_,
                       "SELECT body, messages, input FROM responses WHERE id = ? AND owner = ?");
  row.bind(1, id).bind(2, owner);
  if (!row.step()) return std::nullopt;
  return StoredResponse{row.text(0), row.text(1), row.text(2)};
}

bool ResponseStore::remove(std::string_view owner, std::string_view id) {
  store::Statement row(database_, "DELETE FROM responses WHERE id = ? AND owner = ?");
  row.bind(1, id).bind(2, owner).run();
  return database_.changed() > 0;
}

}  // namespace strata::serve
