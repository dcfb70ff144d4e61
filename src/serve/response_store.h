// Responses that later requests go on from (previous_response_id).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"

namespace strata::serve {

struct StoredResponse {
  std::string body;       // the response object, JSON
  std::string messages;   // the conversation with the answer, as chat messages, JSON
  std::string input;      // the request's own items, JSON
};

/// Thread-safe. An owner sees its own alone.
class ResponseStore {
 public:
  static constexpr int64_t max_kept = 10'000;        // of all owners; the oldest go
  static constexpr int64_t max_age_s = 30 * 86400;

  explicit ResponseStore(store::Database& database);   // outlives it
  void put(std::string_view owner, std::string_view id, const StoredResponse& response);
  std::optional<StoredResponse> get(std::string_view owner, std::string_view id);
  bool remove(std::string_view owner, std::string_view id);

 private:
  store::Database& database_;
};

}  // namespace strata::serve
