// For tests: a blocking socket that sends any bytes, well-formed or not, and shows what comes back.
#pragma once
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace strata::net::testing {

class RawClient {
 public:
  explicit RawClient(int port, int receive_buffer_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes > 0)
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// Closes with a reset: leaves no socket in TIME_WAIT, so tests can open thousands.
  void reset() {
    const linger option{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
    close();
  }
  void end_sending() { shutdown(fd_, SHUT_WR); }

  /// False when the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  /// Waits at most timeout_s for more bytes; false at the end of the connection or the time.
  bool receive(double timeout_s) {
    pollfd p{fd_, POLLIN, 0};
    if (poll(&p, 1, static_cast<int>(timeout_s * 1000)) <= 0) return false;
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) {
      closed_ = true;
      return false;
    }
    received.append(buffer, static_cast<size_t>(n));
    return true;
  }
  /// Receives until `text` has come; false if it has not after timeout_s.
  bool receive_until(std::string_view text, double timeout_s = 10) {
    const auto end = after(timeout_s);
    while (received.find(text) == std::string::npos)
      if (!receive(left(end))) return false;
    return true;
  }
  /// Receives until the server closes; false if it has not after timeout_s.
  bool receive_all(double timeout_s = 10) {
    const auto end = after(timeout_s);
    while (receive(left(end))) {
    }
    return closed_;
  }

  std::string received;

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point after(double s) {
    return Clock::now() + std::chrono::microseconds(static_cast<int64_t>(s * 1e6));
  }
  static double left(Clock::time_point end) {
    return std::max(0.0, std::chrono::duration<double>(end - Clock::now()).count());
  }

  int fd_;
  bool closed_ = false;
};

}  // namespace strata::net::testing
