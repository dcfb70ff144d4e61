#include "net/connection.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <random>

#include "base/error.h"
#include "base/log.h"
#include "net/percent.h"

namespace strata::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using asio::awaitable;
using Clock = asio::steady_timer::clock_type;

constexpr size_t read_size = 16u << 10;
constexpr size_t max_pipelined_bytes = 64u << 10;   // read ahead while a response is pending
constexpr size_t write_size = 256u << 10;           // one step of progress
constexpr size_t max_linger_bytes = 1u << 20;
constexpr auto linger_time = 2s;
constexpr int client_gone = 499;
constexpr size_t max_id = 64;

struct Refusal {
  int status;
  std::string message;
};

class Session : public Connection, public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const Site& site)
      : stream_(std::move(socket), site.tls.get()),
        socket_(stream_.socket()),
        site_(site),
        wake_(socket_.get_executor(), Clock::time_point::max()),
        deadline_(socket_.get_executor()),
        buffer_(site.options.max_header_bytes + max_pipelined_bytes + read_size) {}

  awaitable<void> run();
  awaitable<void> refuse();

  void drain() override {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->idle_) self->shut();
    });
  }
  void close() override {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->shut(); });
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  // Reading.
  awaitable<bool> begin();
  awaitable<void> finish();
  awaitable<bool> wait_for_request();
  awaitable<bool> read_request(Parser& parser);
  awaitable<bool> refuse_unreadable(ErrorCode ec, std::string_view what);
  std::optional<Refusal> fill_request(Parser& parser, Request& out) const;

  // Answering.
  awaitable<bool> answer(std::shared_ptr<const Request> request, Framing framing);
  void dispatch(const std::shared_ptr<const Request>& request,
                const std::shared_ptr<Response>& response);
  void call_handler(const std::shared_ptr<Exchange>& exchange, const Response& response);
  void reply_error(Exchange& exchange, const Response& response, int status,
                   std::string_view message, Headers headers = {});
  awaitable<void> watch(Response& response);
  awaitable<bool> write_response(Response& response, const Request& request, Framing framing);
  awaitable<bool> write_error(int status, std::string_view message);
  void observe(const Request& request, Clock::time_point begun);
  awaitable<bool> write(std::string_view head, std::string_view body);
  awaitable<void> linger();

  std::string error_body(int status, std::string_view message, std::string_view path) const {
    return site_.error_body ? site_.error_body(status, message, path)
                            : std::string(message) + "\n";
  }
  std::string_view error_type() const {
    return site_.error_body ? "application/json" : "text/plain";
  }

  /// Closes the socket if `time` passes before the next call; `expired_` tells that it did.
  void expire_after(Clock::duration time);
  void disarm();
  void shut();
  /// Closes with a reset: without one, an HTTP/1.0 answer that was cut would look complete.
  void cut();

  Stream stream_;
  tcp::socket& socket_;
  const Site& site_;
  asio::steady_timer wake_, deadline_;
  beast::flat_buffer buffer_;
  Outcome outcome_;       // of the request being answered
  uint64_t arming_ = 0;   // which expire_after() counts
  bool woken_ = false;    // the response has something to take
  bool idle_ = false, expired_ = false, shut_ = false;
};

void Session::expire_after(Clock::duration time) {
  const uint64_t arming = ++arming_;
  deadline_.expires_after(time);
  deadline_.async_wait([self = weak_from_this(), arming](ErrorCode ec) {
    auto session = self.lock();
    // A timer that fired just before it was cancelled still arrives without an error.
    if (ec || !session || session->arming_ != arming) return;
    session->expired_ = true;
    // Only what waits now: a 408 can still be written.
    ErrorCode ignored;
    session->socket_.cancel(ignored);
  });
}

void Session::disarm() {
  ++arming_;
  deadline_.cancel();
}

void Session::shut() {
  shut_ = true;
  disarm();
  wake_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);
}

void Session::cut() {
  ErrorCode ignored;
  socket_.set_option(tcp::socket::linger(true, 0), ignored);
  shut();
}

awaitable<bool> Session::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  if (site_.draining) co_return false;
  idle_ = true;
  expire_after(std::chrono::seconds(site_.options.idle_timeout_s));
  auto [ec, n] = co_await stream_.async_read_some(buffer_.prepare(read_size), as_result);
  idle_ = false;
  buffer_.commit(n);
  co_return !ec && !shut_;
}

/// A protocol error, not a lost connection.
static bool is_malformed(ErrorCode ec) {
  return ec.category() == http::make_error_code(http::error::bad_method).category() &&
         ec != http::error::end_of_stream && ec != http::error::partial_message;
}

static int status_of(ErrorCode ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) return 431;
  if (ec == http::error::body_limit) return 413;
  return 400;
}

awaitable<bool> Session::refuse_unreadable(ErrorCode ec, std::string_view what) {
  if (shut_) co_return false;
  if (std::exchange(expired_, false)) {
    co_await write_error(408, fmt::format("the {} did not arrive in time", what));
  } else if (is_malformed(ec)) {
    const int status = status_of(ec);
    std::string message;
    if (status == 413)
      message = fmt::format("the body is larger than {} bytes", site_.options.max_body_bytes);
    else if (status == 431)
      message = fmt::format("the header is larger than {} bytes", site_.options.max_header_bytes);
    else
      message = fmt::format("malformed HTTP request: {}", ec.message());
    co_await write_error(status, message);
  } else {
    co_return false;   // the peer went away
  }
  co_await linger();
  co_return false;
}

awaitable<bool> Session::read_request(Parser& parser) {
  parser.header_limit(static_cast<std::uint32_t>(site_.options.max_header_bytes));
  parser.body_limit(site_.options.max_body_bytes);
  expire_after(std::chrono::seconds(site_.options.header_timeout_s));
  {
    auto [ec, n] = co_await http::async_read_header(stream_, buffer_, parser, as_result);
    if (ec) co_return co_await refuse_unreadable(ec, "request header");
  }
  if (parser.is_done()) co_return true;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue"))
    if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n", {})) co_return false;
  expire_after(std::chrono::seconds(site_.options.body_timeout_s));
  auto [ec, n] = co_await http::async_read(stream_, buffer_, parser, as_result);
  if (ec) co_return co_await refuse_unreadable(ec, "request body");
  co_return true;
}

static std::string_view view(beast::string_view s) { return {s.data(), s.size()}; }

static std::string request_id(std::string_view given) {
  const bool plain = std::all_of(given.begin(), given.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (plain && !given.empty() && given.size() <= max_id) return std::string(given);
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("req_{:016x}{:08x}", random(), static_cast<uint32_t>(random()));
}

std::optional<Refusal> Session::fill_request(Parser& parser, Request& out) const {
  auto& message = parser.get();
  out.method = view(message.method_string());
  std::string_view target = view(message.target());
  // Absolute form, as sent to proxies.
  if (const size_t scheme = target.find("://"); !target.starts_with('/') && scheme != target.npos) {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == target.npos ? std::string_view("/") : target.substr(slash);
  }
  const size_t question = target.find('?');
  out.path = target.substr(0, question);
  if (question != target.npos) out.query = target.substr(question + 1);
  if (!out.path.starts_with('/') && out.path != "*") return Refusal{400, "bad request target"};
  if (!percent_decode(out.path)) return Refusal{400, "bad percent-encoding in the path"};
  for (const auto& field : message)
    out.headers.emplace_back(view(field.name_string()), view(field.value()));
  if (message.version() == 11 && message.count(http::field::host) != 1)
    return Refusal{400, "an HTTP/1.1 request needs one Host header"};
  out.body = std::move(message.body());
  ErrorCode ignored;
  const auto peer = socket_.remote_endpoint(ignored);
  out.remote = fmt::format("{}:{}", peer.address().to_string(), peer.port());
  out.id = request_id(out.header("X-Request-Id"));
  return std::nullopt;
}

awaitable<bool> Session::begin() {
  if (!stream_.is_encrypted()) co_return true;
  expire_after(std::chrono::seconds(site_.options.header_timeout_s));
  const ErrorCode ec = co_await stream_.handshake();
  disarm();
  co_return !ec && !shut_;
}

/// Tells an encrypted peer that this is all, so that it can tell the end from a cut.
awaitable<void> Session::finish() {
  if (stream_.is_encrypted() && !shut_) {
    expire_after(linger_time);
    co_await stream_.shutdown();
  }
  shut();
}

awaitable<void> Session::run() {
  const bool begun = co_await begin();
  while (begun && co_await wait_for_request()) {
    Parser parser;
    if (!co_await read_request(parser)) break;
    disarm();
    auto request = std::make_shared<Request>();
    if (auto refusal = fill_request(parser, *request)) {
      co_await write_error(refusal->status, refusal->message);
      co_await linger();
      break;
    }
    const int minor = parser.get().version() == 10 ? 0 : 1;
    outcome_ = {};
    const auto begun = Clock::now();
    const bool goes_on = co_await answer(request, {minor, parser.get().keep_alive()});
    observe(*request, begun);
    if (!goes_on) break;
  }
  co_await finish();
}

void Session::observe(const Request& request, Clock::time_point begun) {
  if (!site_.after) return;
  outcome_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  if (outcome_.status == 0) outcome_.status = client_gone;
  site_.after(request, outcome_);
}

awaitable<void> Session::refuse() {
  const bool begun = co_await begin();
  if (begun) {
    co_await write_error(503, fmt::format("too many connections (at most {}): try again later",
                                          site_.options.max_connections));
    co_await linger();
  }
  shut();
}

void Session::reply_error(Exchange& exchange, const Response& response, int status,
                          std::string_view message, Headers headers) {
  if (response.started()) return;
  exchange.reply(status, error_type(), error_body(status, message, exchange.request().path),
                 std::move(headers));
}

void Session::call_handler(const std::shared_ptr<Exchange>& exchange, const Response& response) {
  const Request& request = exchange->request();
  if (site_.before && !site_.before(*exchange)) return;
  auto match = site_.router.find(request.method, request.path);
  if (match.handler) {
    const_cast<Request&>(request).path_parameters = std::move(match.parameters);
    (*match.handler)(exchange);
  } else if (request.method == "OPTIONS" && (request.path == "*" || !match.allow.empty())) {
    exchange->reply(204, "", "", {{"Allow", match.allow.empty() ? "GET, HEAD, POST, OPTIONS"
                                                                : match.allow + ", OPTIONS"}});
  } else if (!match.allow.empty()) {
    reply_error(*exchange, response, 405,
                fmt::format("{} is not a method of {}: use {}", request.method, request.path,
                            match.allow),
                {{"Allow", match.allow + ", OPTIONS"}});
  } else {
    reply_error(*exchange, response, 404,
                fmt::format("unknown path {} {}", request.method, request.path));
  }
}

void Session::dispatch(const std::shared_ptr<const Request>& request,
                       const std::shared_ptr<Response>& response) {
  std::shared_ptr<Exchange> exchange = std::make_shared<LiveExchange>(request, response);
  try {
    call_handler(exchange, *response);
  } catch (const Error& e) {
    reply_error(*exchange, *response, http_status(e.code()), e.what());
  } catch (const std::exception& e) {
    log::error("{} {}: {}", request->method, request->path, e.what());
    reply_error(*exchange, *response, 500, "internal error: see the server's log");
  }
}

awaitable<bool> Session::answer(std::shared_ptr<const Request> request, Framing framing) {
  using namespace asio::experimental::awaitable_operators;
  auto response = std::make_shared<Response>(site_.options.max_queued_bytes);
  struct Attachment {
    Response& response;
    // Also when the coroutine is destroyed: the handler may outlive it.
    ~Attachment() {
      response.detach();
      response.gone();
    }
  } attachment{*response};
  response->attach([self = weak_from_this(), weak = std::weak_ptr(response)] {
    auto session = self.lock();
    if (!session) return;
    asio::post(session->socket_.get_executor(), [session, weak] {
      const auto response = weak.lock();
      // A write may be waiting for a client that does not read: only closing ends that.
      if (response && response->broken()) session->cut();
      session->woken_ = true;
      session->wake_.cancel();
    });
  });
  dispatch(request, response);
  bool keep = false;
  auto write_all = [&]() -> awaitable<void> {
    keep = co_await write_response(*response, *request, framing);
  };
  // Most answers are there at once: only what takes time needs an eye on the client.
  if (response->complete()) co_await write_all();
  else co_await (write_all() || watch(*response));
  if (shut_) co_return false;
  ErrorCode ignored;
  if (!keep && (buffer_.size() > 0 || socket_.available(ignored) > 0)) co_await linger();
  co_return keep;
}

/// Reads ahead while a response is pending, so that the end of the connection is seen at once.
awaitable<void> Session::watch(Response& response) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  for (;;) {
    ErrorCode ec;
    if (buffer_.size() >= max_pipelined_bytes) {
      std::tie(ec) = co_await socket_.async_wait(tcp::socket::wait_error, as_result);
      if (!ec) ec = asio::error::connection_reset;
    } else {
      auto [read_ec, n] = co_await stream_.async_read_some(buffer_.prepare(read_size), as_result);
      buffer_.commit(n);
      ec = read_ec;
    }
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
    // A write that ran out of time cancels this read too: write_response ends the connection.
    if (expired_) continue;
    if (ec) break;
  }
  response.gone();
}

/// Writes what the handler produces until it is complete. True: the connection can be used again.
awaitable<bool> Session::write_response(Response& response, const Request& request,
                                        Framing framing) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  const bool head_only = request.method == "HEAD";
  bool chunked = false;
  for (;;) {
    auto output = response.take();
    if (output.broken) cut();
    if (shut_) co_return false;
    std::string head, tail;
    if (output.head) {
      if (site_.decorate) site_.decorate(request, output.head->headers);
      if (site_.draining) framing.keep_alive = false;
      outcome_.status = output.head->status;
      chunked = !output.head->content_length && framing.chunked();
      if (!output.head->content_length && !chunked) framing.keep_alive = false;
      head = format_head(*output.head, framing);
    }
    const size_t size = output.body.size();
    if (head_only) output.body.clear();
    if (chunked && !head_only) {
      if (!output.body.empty()) {
        head += fmt::format("{:x}\r\n", size);
        output.body += "\r\n";
      }
      if (output.complete) output.body += "0\r\n\r\n";
    }
    if (!head.empty() || !output.body.empty())
      if (!co_await write(head, output.body)) {
        response.gone();
        shut();
        co_return false;
      }
    response.written(size);
    outcome_.bytes += size;
    if (output.complete) co_return framing.keep_alive;
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return false;
    // A wake-up during the write above found nobody waiting.
    if (!woken_) co_await wake_.async_wait(as_result);
    woken_ = false;
  }
}

awaitable<bool> Session::write(std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    std::array<asio::const_buffer, 2> buffers = {
        asio::buffer(head.data(), head.size()),
        asio::buffer(body.data(), std::min(body.size(), write_size))};
    expire_after(std::chrono::seconds(site_.options.write_timeout_s));
    auto [ec, n] = co_await stream_.async_write_some(buffers, as_result);
    if (ec || shut_) co_return false;
    const size_t from_head = std::min(n, head.size());
    head.remove_prefix(from_head);
    body.remove_prefix(n - from_head);
  }
  disarm();
  co_return true;
}

awaitable<bool> Session::write_error(int status, std::string_view message) {
  const std::string body = error_body(status, message, {});
  Head head{status, std::string(error_type()), {}, body.size()};
  if (status == 503) head.headers.emplace_back("Retry-After", "1");
  co_return co_await write(format_head(head, {.keep_alive = false}), body);
}

/// Ends our side and takes in what the client still sends: closing with unread input would reset
/// the connection, and the client might lose the response.
awaitable<void> Session::linger() {
  expired_ = false;
  if (stream_.is_encrypted()) {
    co_await finish();
    co_return;
  }
  ErrorCode ec;
  socket_.shutdown(tcp::socket::shutdown_send, ec);
  std::vector<char> sink(read_size);
  expire_after(linger_time);
  for (size_t total = 0; !ec && !expired_ && !shut_ && total < max_linger_bytes;) {
    auto [read_ec, n] = co_await stream_.async_read_some(asio::buffer(sink), as_result);
    ec = read_ec;
    total += n;
  }
}

}  // namespace

std::shared_ptr<Connection> serve_connection(tcp::socket socket, const Site& site, bool refuse,
                                             std::function<void()> on_end) {
  ErrorCode ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto executor = socket.get_executor();
  auto session = std::make_shared<Session>(std::move(socket), site);
  auto work = [session, refuse]() -> awaitable<void> {
    co_await asio::post(asio::use_awaitable);   // not inside the caller, who may hold a lock
    if (refuse) co_await session->refuse();
    else co_await session->run();
  };
  asio::co_spawn(executor, work, [on_end = std::move(on_end)](std::exception_ptr e) {
    if (e) {
      try {
        std::rethrow_exception(e);
      } catch (const std::exception& what) {
        log::error("connection: {}", what.what());
      }
    }
    on_end();
  });
  return session;
}

}  // namespace strata::net
