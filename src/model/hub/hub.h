// Model hubs: what tells one from another is data (sources.cc), the rest is common.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/hub/source.h"
#include "net/server.h"

namespace strata::model {

struct RemoteFile {
  std::string path = {};     // in the repository, as the hub writes it: not yet to be trusted
  int64_t bytes = -1;        // -1: unknown
  std::string sha256 = {};   // lower-case hexadecimal; empty: unknown
};

/// Paths hold {owner} and {name}, and {file} where one is fetched.
struct Hub {
  std::string_view name;            // prefix of a source
  std::string_view endpoint;        // public default
  std::string_view endpoint_env;    // variable that replaces it
  std::string_view token_env;       // variable with a bearer token
  std::string_view list_path, file_path;
  /// Files in a parsed page of the listing. May throw nlohmann's exceptions.
  std::vector<RemoteFile> (*files)(const nlohmann::json& page);
};

const Hub* find_hub(std::string_view name);   // null if unknown
std::string hub_names();                      // "hf, ms"

net::Headers hub_headers(const Hub& hub);
std::string file_url(const Hub& hub, const PullSource& source, const std::string& file);
/// Every file of the repository.
/// Errors: not_found; permission_denied naming the token's variable; unavailable; data_loss for an
/// answer that is not a listing; too_large.
std::vector<RemoteFile> list_files(const Hub& hub, const PullSource& source);

}  // namespace strata::model
