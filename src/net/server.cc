#include "net/server.h"

#include <condition_variable>
#include <thread>
#include <unordered_map>

#include "base/background.h"
#include "base/error.h"
#include "base/log.h"
#include "net/connection.h"

namespace strata::net {
namespace {

constexpr int accept_backlog = 1024;
constexpr int max_refusals = 256;       // refused connections being told so at a time
constexpr int io_niceness = 3;          // computing comes first, but the answers must get out
constexpr auto accept_pause = std::chrono::milliseconds(50);
constexpr auto close_time = std::chrono::seconds(5);

std::shared_ptr<ssl::context> make_tls(const ServerOptions& o) {
  if (o.tls_certificate.empty() && o.tls_key.empty()) return nullptr;
  if (o.tls_certificate.empty() || o.tls_key.empty())
    fail(Code::invalid_argument, "TLS needs a certificate and a key: give both");
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                       ssl::context::no_tlsv1_1);
  ErrorCode ec;
  context->use_certificate_chain_file(o.tls_certificate, ec);
  if (ec)
    fail(Code::invalid_argument, "TLS certificate '{}': {}", o.tls_certificate, ec.message());
  context->use_private_key_file(o.tls_key, ssl::context::pem, ec);
  if (!ec && SSL_CTX_check_private_key(context->native_handle()) != 1)
    fail(Code::invalid_argument, "TLS key '{}' is not that of the certificate", o.tls_key);
  if (ec) fail(Code::invalid_argument, "TLS key '{}': {}", o.tls_key, ec.message());
  return context;
}

}  // namespace

struct Server::Impl {
  Site site;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  tcp::acceptor acceptor{asio::make_strand(io)};
  std::vector<std::thread> threads;
  int port = 0;
  bool started = false;

  std::mutex mutex;
  std::condition_variable ended;
  uint64_t next_id = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections;
  int refusals = 0;

  void bind();
  asio::awaitable<void> accept();
  void add(tcp::socket socket);
  void stop(double timeout_s);
  bool wait_until_empty(std::chrono::duration<double> time) {
    std::unique_lock lock(mutex);
    return ended.wait_for(lock, time, [&] { return connections.empty(); });
  }
  void each(void (Connection::*action)()) {
    std::lock_guard lock(mutex);
    for (auto& [id, connection] : connections) ((*connection).*action)();
  }
};

void Server::Impl::bind() {
  const std::string& host = site.options.host;
  const int port_wanted = site.options.port;
  if (port_wanted < 0 || port_wanted > 65535)
    fail(Code::invalid_argument, "port {} is not between 0 and 65535", port_wanted);
  ErrorCode ec;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, std::to_string(port_wanted),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, ec);
  if (ec || found.empty())
    fail(Code::invalid_argument, "cannot listen on host '{}': {}", host, ec.message());
  const tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(accept_backlog, ec);
  if (ec == asio::error::address_in_use)
    fail(Code::unavailable,
         "port {} on {} is in use: stop what listens there or choose another port", port_wanted,
         host);
  if (ec == asio::error::access_denied)
    fail(Code::permission_denied, "may not listen on port {}: ports below 1024 need privileges",
         port_wanted);
  if (ec)
    fail(Code::unavailable, "cannot listen on {}:{}: {}", host, port_wanted, ec.message());
  port = acceptor.local_endpoint().port();
}

asio::awaitable<void> Server::Impl::accept() {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    auto [ec, socket] = co_await acceptor.async_accept(asio::make_strand(io), as_result);
    if (!ec) {
      add(std::move(socket));
    } else if (ec != asio::error::operation_aborted && ec != asio::error::connection_aborted) {
      // Out of file descriptors, most likely: without a pause this would spin.
      log::warn_once(fmt::format("cannot accept a connection: {}", ec.message()));
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_result);
    }
  }
}

void Server::Impl::add(tcp::socket socket) {
  std::lock_guard lock(mutex);
  const int n_served = static_cast<int>(connections.size()) - refusals;
  const bool refuse = n_served >= site.options.max_connections;
  if (refuse && refusals >= max_refusals) return;
  refusals += refuse;
  const uint64_t id = next_id++;
  auto on_end = [this, id, refuse] {
    std::shared_ptr<Connection> last;   // goes after the lock
    std::lock_guard guard(mutex);
    const auto found = connections.find(id);
    last = std::move(found->second);
    connections.erase(found);
    refusals -= refuse;
    ended.notify_all();
  };
  // Starts on the connection's strand, hence after this function has let the lock go.
  connections[id] = serve_connection(std::move(socket), site, refuse, on_end);
}

void Server::Impl::stop(double timeout_s) {
  if (!started) return;
  started = false;
  site.draining = true;
  asio::post(acceptor.get_executor(), [this] {
    ErrorCode ignored;
    acceptor.close(ignored);
  });
  each(&Connection::drain);
  if (!wait_until_empty(std::chrono::duration<double>(timeout_s))) {
    each(&Connection::close);
    wait_until_empty(close_time);
  }
  work.reset();
  io.stop();
  for (auto& thread : threads) thread.join();
  threads.clear();
}

Server::Server(const ServerOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->site.options = options;
}

Server::~Server() { impl_->stop(0); }

void Server::route(std::string_view method, std::string_view path, Handler handler) {
  impl_->site.router.add(method, path, std::move(handler));
}

void Server::on_error(
    std::function<std::string(int, std::string_view, std::string_view)> error_body) {
  impl_->site.error_body = std::move(error_body);
}

void Server::before(std::function<bool(Exchange&)> filter) {
  impl_->site.before = std::move(filter);
}

void Server::decorate(std::function<void(const Request&, Headers&)> add_headers) {
  impl_->site.decorate = std::move(add_headers);
}

void Server::after(std::function<void(const Request&, const Outcome&)> observe) {
  impl_->site.after = std::move(observe);
}

void Server::start() {
  impl_->site.tls = make_tls(impl_->site.options);
  impl_->bind();
  impl_->started = true;
  asio::co_spawn(impl_->acceptor.get_executor(), impl_->accept(), asio::detached);
  for (int i = 0; i < std::max(1, impl_->site.options.threads); ++i)
    impl_->threads.emplace_back([impl = impl_.get()] {
      enter_background(io_niceness);
      for (;;) {
        try {
          impl->io.run();
          return;
        } catch (const std::exception& e) {
          log::error("I/O thread: {}", e.what());
        }
      }
    });
}

int Server::port() const { return impl_->port; }

void Server::post(std::function<void()> fn) { asio::post(impl_->io, std::move(fn)); }

void Server::stop(double timeout_s) { impl_->stop(timeout_s); }

}  // namespace strata::net
