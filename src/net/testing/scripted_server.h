// For tests: a server that answers each connection with given bytes, right or wrong.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

namespace strata::net::testing {

class ScriptedServer {
 public:
  /// Runs `script` on each accepted socket, one after the other; the socket is closed after it.
  explicit ScriptedServer(std::function<void(int)> script) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 16) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::move(script)] {
      for (int client; (client = accept(fd_, nullptr, nullptr)) >= 0; ::close(client))
        script(client);
    });
  }
  /// Reads a request's header, then writes `answer`.
  static std::function<void(int)> answering(std::string answer) {
    return [answer = std::move(answer)](int client) {
      read_header(client);
      write(client, answer);
    };
  }
  static std::string read_header(int client) {
    std::string header;
    char c;
    while (!header.ends_with("\r\n\r\n") && recv(client, &c, 1, 0) == 1) header += c;
    return header;
  }
  static void write(int client, const std::string& bytes) {
    (void)!send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  ~ScriptedServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  int port() const { return port_; }
  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  int fd_, port_;
  std::thread thread_;
};

}  // namespace strata::net::testing
