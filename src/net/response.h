// The state of one response, between the handler (any thread) and the connection that writes it.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/head.h"

namespace strata::net {

class Response {
 public:
  explicit Response(size_t max_queued_bytes) : max_queued_bytes_(max_queued_bytes) {}

  // The handler's side: see Exchange.
  void reply(Head head, std::string body);
  void start(Head head);
  void send(std::string chunk);
  void end();
  void on_disconnect(std::function<void()> callback);
  size_t queued() const;
  /// Nobody can answer any more.
  void abandon();

  // The connection's side.
  /// `wake` is called, from any thread and with a lock held, when there is something to take; it
  /// must only post.
  void attach(std::function<void()> wake);
  void detach();
  struct Output {
    std::optional<Head> head;   // once, first
    std::string body;           // whole, or what was sent since the last take
    bool complete = false;      // nothing follows
    bool broken = false;        // the connection must be cut
  };
  Output take();
  void written(size_t bytes);   // of the bodies taken
  /// The client went away: runs the callback.
  void gone();
  bool started() const;
  bool complete() const;
  bool broken() const;

 private:
  enum class Phase { pending, streaming, complete };
  void wake_locked();

  mutable std::mutex mutex_;
  const size_t max_queued_bytes_;
  Phase phase_ = Phase::pending;
  std::optional<Head> head_;
  std::string body_;
  size_t unwritten_ = 0;
  bool gone_ = false, broken_ = false, wake_pending_ = false;
  std::function<void()> wake_;
  std::vector<std::function<void()>> callbacks_;
};

/// What a handler holds.
class LiveExchange : public Exchange {
 public:
  LiveExchange(std::shared_ptr<const Request> request, std::shared_ptr<Response> response)
      : request_(std::move(request)), response_(std::move(response)) {}
  ~LiveExchange() override { response_->abandon(); }
  const Request& request() const override { return *request_; }
  void reply(int status, std::string_view content_type, std::string body,
             Headers headers) override;
  void start(int status, std::string_view content_type, Headers headers) override;
  void send(std::string chunk) override { response_->send(std::move(chunk)); }
  void end() override { response_->end(); }
  void on_disconnect(std::function<void()> callback) override {
    response_->on_disconnect(std::move(callback));
  }
  size_t queued() const override { return response_->queued(); }

 private:
  std::shared_ptr<const Request> request_;
  std::shared_ptr<Response> response_;
};

}  // namespace strata::net
