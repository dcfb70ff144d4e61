#include "model/hub/hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "net/client.h"

namespace strata::model {
namespace {

constexpr int kMaxPages = 50;              // of a listing
constexpr size_t kMaxFiles = 20'000;
constexpr size_t kMaxPageBytes = 32u << 20;

std::string env(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value ? value : "";
}

std::string endpoint(const Hub& hub) {
  std::string url = env(hub.endpoint_env);
  if (url.empty()) url = hub.endpoint;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string percent_encode(std::string_view path) {
  std::string out;
  for (unsigned char c : path) {
    const char plain = static_cast<char>(c);
    if (std::isalnum(c) || std::string_view("-._~/").find(plain) != std::string_view::npos)
      out += plain;
    else
      out += fmt::format("%{:02X}", c);
  }
  return out;
}

std::string fill(std::string_view pattern, const PullSource& s, const std::string& file) {
  return fmt::format(fmt::runtime(pattern), fmt::arg("owner", s.owner), fmt::arg("name", s.name),
                     fmt::arg("file", percent_encode(file)));
}

/// The target of rel="next" (RFC 8288), where long listings go on; empty on the last page.
std::string next_page(std::string_view link) {
  const size_t next = link.find("rel=\"next\"");
  const size_t open = next == link.npos ? link.npos : link.rfind('<', next);
  const size_t close = open == link.npos ? link.npos : link.find('>', open);
  return close == link.npos ? "" : std::string(link.substr(open + 1, close - open - 1));
}

void check_status(const net::ClientResponse& r, const Hub& hub, const PullSource& s,
                  const std::string& url) {
  if (r.status == 200) return;
  const std::string repository = s.owner + "/" + s.name;
  if (r.status == 404) fail(Code::not_found, "{}: no repository '{}'", hub.name, repository);
  if (r.status == 401 || r.status == 403) {
    fail(Code::permission_denied,
         "{}: '{}' does not exist or is not open to everyone (status {}): set {} to a token that "
         "may read it", hub.name, repository, r.status, hub.token_env);
  }
  fail(Code::unavailable, "{} answered with status {}: try again later", url, r.status);
}

/// The hub writes what is compared and shown later: normal form, impossible values refused.
void take_page(std::vector<RemoteFile>& files, std::vector<RemoteFile> page) {
  for (RemoteFile& f : page) {
    std::transform(f.sha256.begin(), f.sha256.end(), f.sha256.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    const bool hex = f.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (f.sha256.size() != 64 || !hex) f.sha256.clear();
    if (f.bytes < 0) f.bytes = -1;
    files.push_back(std::move(f));
  }
  if (files.size() > kMaxFiles)
    fail(Code::too_large, "the repository lists more than {} files", kMaxFiles);
}

}  // namespace

net::Headers hub_headers(const Hub& hub) {
  const std::string token = env(hub.token_env);
  if (token.empty()) return {};
  return {{"Authorization", "Bearer " + token}};
}

std::string file_url(const Hub& hub, const PullSource& source, const std::string& file) {
  return endpoint(hub) + fill(hub.file_path, source, file);
}

std::vector<RemoteFile> list_files(const Hub& hub, const PullSource& source) {
  std::vector<RemoteFile> files;
  std::string url = endpoint(hub) + fill(hub.list_path, source, {});
  for (int page = 0; !url.empty(); ++page) {
    if (page == kMaxPages)
      fail(Code::too_large, "{}: the listing has more than {} pages", url, kMaxPages);
    net::ClientRequest request;
    request.url = url;
    request.headers = hub_headers(hub);
    request.max_body_bytes = kMaxPageBytes;
    const net::ClientResponse r = net::fetch(request);
    check_status(r, hub, source, url);
    try {
      take_page(files, hub.files(nlohmann::json::parse(r.body)));
    } catch (const nlohmann::json::exception& e) {
      fail(Code::data_loss, "{}: the answer is not a listing of files ({})", url, e.what());
    }
    url = next_page(r.header("link"));
    // The token goes with each page: only to the hub itself.
    if (!url.empty() && !url.starts_with(endpoint(hub) + "/")) {
      if (!url.starts_with('/'))
        fail(Code::data_loss, "{}: the listing goes on at another host ({})", hub.name, url);
      url = endpoint(hub) + url;
    }
  }
  return files;
}

}  // namespace strata::model
