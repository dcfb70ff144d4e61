#include <algorithm>

#include "base/error.h"
#include "net/client.h"

namespace strata::net {

constexpr size_t max_url_bytes = 64u << 10;

[[noreturn]] static void bad_url(std::string_view url, std::string_view why) {
  fail(Code::invalid_argument, "bad URL '{}': {}; expected http(s)://HOST[:PORT]/PATH",
       url.substr(0, 200), why);
}

Url parse_url(std::string_view url) {
  if (url.size() > max_url_bytes) bad_url(url, "it is too long");
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7f; }))
    bad_url(url, "it holds white space or control characters");
  Url out;
  const size_t scheme_end = url.find("://");
  if (scheme_end == url.npos) bad_url(url, "no scheme");
  out.scheme = url.substr(0, scheme_end);
  std::transform(out.scheme.begin(), out.scheme.end(), out.scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (out.scheme != "http" && out.scheme != "https")
    bad_url(url, "the scheme is neither http nor https");

  std::string_view rest = url.substr(scheme_end + 3);
  const size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  std::string_view target = rest.substr(authority_end);
  target = target.substr(0, target.find('#'));
  if (authority.find('@') != authority.npos)
    bad_url(url, "user names in URLs are not supported: use an Authorization header");

  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == authority.npos) bad_url(url, "the IPv6 address has no ']'");
    out.host = authority.substr(1, close - 1);
    std::string_view tail = authority.substr(close + 1);
    if (!tail.empty() && tail[0] != ':') bad_url(url, "text after ']'");
    if (!tail.empty()) port = tail.substr(1);
  } else {
    const size_t colon = authority.find(':');
    out.host = authority.substr(0, colon);
    if (colon != authority.npos) port = authority.substr(colon + 1);
  }
  if (out.host.empty()) bad_url(url, "no host");
  if (port.empty()) port = out.scheme == "https" ? "443" : "80";
  if (port.size() > 5 || !std::all_of(port.begin(), port.end(), [](unsigned char c) {
        return c >= '0' && c <= '9';
      }) || std::stoi(std::string(port)) > 65535)
    bad_url(url, "the port is not a number up to 65535");
  out.port = port;
  if (!target.starts_with('/')) out.target = '/';
  out.target += target;
  return out;
}

}  // namespace strata::net
