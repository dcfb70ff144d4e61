#include "net/client.h"

#include <fmt/format.h>

#include "net/asio.h"
// After asio.h, which sets how Asio and Beast are compiled.
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "base/error.h"

namespace strata::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using asio::awaitable;

constexpr uint32_t max_header_bytes = 256u << 10;
constexpr size_t part_size = 64u << 10;
constexpr double max_timeout_s = 1e9;
constexpr int max_interim_responses = 16;   // 1xx before the real one

/// An IPv6 address as URLs write it.
std::string bracketed(const std::string& host) {
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

/// One request to one server, without redirects.
class Transfer {
 public:
  Transfer(const ClientRequest& request, const Url& url)
      : request_(request), url_(url), timeout_(std::chrono::duration<double>(request.timeout_s)) {}

  ClientResponse run();

 private:
  awaitable<void> exchange();
  template <class Stream>
  awaitable<void> talk(Stream& stream, beast::tcp_stream& transport);
  template <class Stream, class Parser>
  awaitable<void> read_body(Stream& stream, beast::tcp_stream& transport, Parser& parser);
  std::string format_request() const;
  void take_head(const http::fields& fields, unsigned status);
  void take_part(std::string_view part);
  bool is_redirect() const { return !response_.header("location").empty(); }

  void arm(beast::tcp_stream& stream) const {
    stream.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::min(timeout_, std::chrono::duration<double>(max_timeout_s))));
  }
  [[noreturn]] void lost(std::string_view doing, ErrorCode ec) const;

  const ClientRequest& request_;
  const Url& url_;
  std::chrono::duration<double> timeout_;
  asio::io_context io_{1};
  beast::flat_buffer buffer_{max_header_bytes + part_size};
  ClientResponse response_;
};

void Transfer::lost(std::string_view doing, ErrorCode ec) const {
  const std::string where = fmt::format("{}:{}", url_.host, url_.port);
  if (ec == beast::error::timeout)
    fail(Code::unavailable, "{}: nothing arrived for {} s while {}", where, request_.timeout_s,
         doing);
  if (ec == http::error::end_of_stream || ec == http::error::partial_message ||
      ec == asio::error::eof || ec == ssl::error::stream_truncated)
    fail(Code::unavailable, "{}: the server closed the connection while {}", where, doing);
  fail(Code::unavailable, "{}: {} while {}", where, ec.message(), doing);
}

std::string Transfer::format_request() const {
  const bool default_port = url_.port == (url_.scheme == "https" ? "443" : "80");
  std::string host = bracketed(url_.host);
  if (!default_port) host += ":" + url_.port;
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
                                 request_.method, url_.target, host);
  ClientResponse given;   // for its header look-up
  given.headers = request_.headers;
  auto add = [&](std::string_view name, std::string_view value) {
    if (given.header(name).empty()) head += fmt::format("{}: {}\r\n", name, value);
  };
  add("User-Agent", "strata");
  add("Accept", "*/*");
  add("Accept-Encoding", "identity");
  if (!request_.body.empty()) add("Content-Type", "application/json");
  if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT")
    head += fmt::format("Content-Length: {}\r\n", request_.body.size());
  for (const auto& [name, value] : request_.headers) {
    if ((name + value).find_first_of("\r\n") != std::string::npos)
      fail(Code::invalid_argument, "header '{}' holds a line break", name);
    head += fmt::format("{}: {}\r\n", name, value);
  }
  return head + "\r\n";
}

void Transfer::take_head(const http::fields& fields, unsigned status) {
  response_.status = static_cast<int>(status);
  for (const auto& field : fields)
    response_.headers.emplace_back(
        std::string(field.name_string().data(), field.name_string().size()),
        std::string(field.value().data(), field.value().size()));
  const bool followed = request_.max_redirects > 0 && status / 100 == 3 && is_redirect();
  if (request_.on_header && !followed) request_.on_header(response_.status, response_.headers);
}

void Transfer::take_part(std::string_view part) {
  if (part.empty()) return;
  if (request_.on_chunk && response_.status / 100 == 2) {
    if (!request_.on_chunk(part)) fail(Code::cancelled, "the transfer was cancelled");
    return;
  }
  if (response_.body.size() + part.size() > request_.max_body_bytes)
    fail(Code::too_large, "{}: the answer is larger than {} bytes", url_.host,
         request_.max_body_bytes);
  response_.body += part;
}

template <class Stream, class Parser>
awaitable<void> Transfer::read_body(Stream& stream, beast::tcp_stream& transport, Parser& parser) {
  std::string part(part_size, '\0');
  while (!parser.is_done()) {
    parser.get().body().data = part.data();
    parser.get().body().size = part.size();
    arm(transport);
    // read_some, not read: a part is handed on when it arrives, not when the buffer is full.
    auto [ec, n] = co_await http::async_read_some(stream, buffer_, parser, as_result);
    if (ec == http::error::need_buffer) ec = {};
    take_part({part.data(), part.size() - parser.get().body().size});
    if (ec) lost("reading the body", ec);
  }
}

template <class Stream>
awaitable<void> Transfer::talk(Stream& stream, beast::tcp_stream& transport) {
  const std::string head = format_request();
  std::string_view rest = request_.body;
  std::string_view lead = head;
  while (!lead.empty() || !rest.empty()) {
    // In steps, so that the time-out measures progress and not the whole body.
    const std::string_view step = lead.empty() ? rest.substr(0, part_size) : lead;
    arm(transport);
    auto [ec, n] = co_await asio::async_write(stream, asio::buffer(step.data(), step.size()),
                                              as_result);
    // A server may answer (413) and close before it has read the body: look for its answer.
    if (ec == asio::error::broken_pipe || ec == asio::error::connection_reset) break;
    if (ec) lost("sending the request", ec);
    (lead.empty() ? rest : lead).remove_prefix(n);
  }
  for (int interim = 0; interim <= max_interim_responses; ++interim) {
    http::response_parser<http::buffer_body> parser;
    parser.header_limit(max_header_bytes);
    parser.body_limit(boost::none);
    if (request_.method == "HEAD") parser.skip(true);
    arm(transport);
    auto [ec, n] = co_await http::async_read_header(stream, buffer_, parser, as_result);
    if (ec) lost("waiting for the answer", ec);
    const unsigned status = parser.get().result_int();
    if (status / 100 == 1) continue;
    take_head(parser.get(), status);
    co_await read_body(stream, transport, parser);
    co_return;
  }
  fail(Code::unavailable, "{}: interim responses without end", url_.host);
}

bool is_address(const std::string& host) {
  ErrorCode ec;
  asio::ip::make_address(host, ec);
  return !ec;
}

awaitable<void> Transfer::exchange() {
  tcp::resolver resolver(io_);
  auto [resolve_ec, endpoints] = co_await resolver.async_resolve(url_.host, url_.port, as_result);
  if (resolve_ec)
    fail(Code::unavailable, "cannot find host '{}': {}", url_.host, resolve_ec.message());
  const bool tls = url_.scheme == "https";
  ssl::context context(ssl::context::tls_client);
  // Also reads SSL_CERT_FILE and SSL_CERT_DIR.
  if (tls) context.set_default_verify_paths();
  ssl::stream<beast::tcp_stream> stream(io_, context);
  beast::tcp_stream& transport = beast::get_lowest_layer(stream);
  arm(transport);
  auto [ec, endpoint] = co_await transport.async_connect(endpoints, as_result);
  if (ec) lost("connecting", ec);
  transport.socket().set_option(tcp::no_delay(true), ec);
  if (!tls) {
    co_await talk(transport, transport);
    co_return;
  }
  SSL_set_min_proto_version(stream.native_handle(), TLS1_2_VERSION);
  stream.set_verify_mode(ssl::verify_peer);
  stream.set_verify_callback(ssl::host_name_verification(url_.host));
  if (!is_address(url_.host)) SSL_set_tlsext_host_name(stream.native_handle(), url_.host.c_str());
  arm(transport);
  std::tie(ec) = co_await stream.async_handshake(ssl::stream_base::client, as_result);
  if (ec) {
    const long verdict = SSL_get_verify_result(stream.native_handle());
    if (verdict != X509_V_OK)
      fail(Code::unavailable,
           "{}: the server's certificate is not trusted ({}); SSL_CERT_FILE names the certificates "
           "to trust", url_.host, X509_verify_cert_error_string(verdict));
    lost("negotiating TLS", ec);
  }
  co_await talk(stream, transport);
}

ClientResponse Transfer::run() {
  std::exception_ptr failure;
  asio::co_spawn(io_, exchange(), [&](std::exception_ptr e) { failure = e; });
  io_.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(response_);
}

/// RFC 3986, section 5.2, for the forms that Location takes.
std::string resolve_location(const Url& base, std::string_view location) {
  if (location.find("://") != location.npos) return std::string(location);
  if (location.starts_with("//")) return fmt::format("{}:{}", base.scheme, location);
  const std::string origin =
      fmt::format("{}://{}:{}", base.scheme, bracketed(base.host), base.port);
  if (location.starts_with('/')) return origin + std::string(location);
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (location.starts_with('?')) return fmt::format("{}{}{}", origin, path, location);
  return fmt::format("{}{}{}", origin, path.substr(0, path.rfind('/') + 1), location);
}

void drop_credentials(Headers& headers) {
  std::erase_if(headers, [](const auto& header) {
    std::string name = header.first;
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name == "authorization" || name == "cookie";
  });
}

bool turns_to_get(int status, const std::string& method) {
  if (status == 303) return method != "HEAD";
  return (status == 301 || status == 302) && method == "POST";
}

}  // namespace

ClientResponse fetch(const ClientRequest& request) {
  ClientRequest current = request;
  for (;;) {
    const Url url = parse_url(current.url);
    ClientResponse response = Transfer(current, url).run();
    const int status = response.status;
    const bool redirect = status == 301 || status == 302 || status == 303 || status == 307 ||
                          status == 308;
    const std::string_view location = response.header("location");
    if (!redirect || location.empty() || request.max_redirects == 0) return response;
    if (--current.max_redirects < 0)
      fail(Code::unavailable, "{}: more than {} redirects", request.url, request.max_redirects);
    current.url = resolve_location(url, location);
    const Url next = parse_url(current.url);
    if (next.host != url.host || next.port != url.port || next.scheme != url.scheme)
      drop_credentials(current.headers);
    if (turns_to_get(status, current.method)) {
      current.method = "GET";
      current.body.clear();
    }
  }
}

}  // namespace strata::net
