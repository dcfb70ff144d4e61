// A connection's bytes, encrypted or not. Private to net: pulls in Asio.
#pragma once
#include <memory>
#include <utility>

#include <boost/asio/ssl.hpp>

#include "net/asio.h"

namespace strata::net {

namespace ssl = asio::ssl;

/// Beast's AsyncStream over a socket, through TLS where there is a context.
class Stream {
 public:
  using executor_type = tcp::socket::executor_type;

  Stream(tcp::socket socket, ssl::context* tls) : socket_(std::move(socket)) {
    if (tls) tls_ = std::make_unique<ssl::stream<tcp::socket&>>(socket_, *tls);
  }

  executor_type get_executor() { return socket_.get_executor(); }
  tcp::socket& socket() { return socket_; }
  bool is_encrypted() const { return tls_ != nullptr; }

  /// Nothing to do for plain bytes.
  asio::awaitable<ErrorCode> handshake() {
    if (!tls_) co_return ErrorCode();
    auto [ec] = co_await tls_->async_handshake(ssl::stream_base::server, as_result);
    co_return ec;
  }
  /// Tells the peer that nothing follows.
  asio::awaitable<void> shutdown() {
    if (tls_) co_await tls_->async_shutdown(as_result);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, size_t)>(
        [this](auto handler, const Buffers& to) {
          if (tls_) tls_->async_read_some(to, std::move(handler));
          else socket_.async_read_some(to, std::move(handler));
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, size_t)>(
        [this](auto handler, const Buffers& from) {
          if (tls_) tls_->async_write_some(from, std::move(handler));
          else socket_.async_write_some(from, std::move(handler));
        },
        token, buffers);
  }

 private:
  tcp::socket socket_;
  std::unique_ptr<ssl::stream<tcp::socket&>> tls_;
};

}  // namespace strata::net
