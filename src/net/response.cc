#include "net/response.h"

#include "base/check.h"

namespace strata::net {

void Response::wake_locked() {
  // One wake-up covers everything sent until the connection takes it.
  if (!wake_ || wake_pending_) return;
  wake_pending_ = true;
  wake_();
}

// Callbacks may own what calls these functions: `dropped` lets them go only after the lock.

void Response::reply(Head head, std::string body) {
  std::vector<std::function<void()>> dropped;
  std::lock_guard lock(mutex_);
  STRATA_CHECK(phase_ == Phase::pending);
  phase_ = Phase::complete;
  dropped.swap(callbacks_);
  head.content_length = body.size();
  head_ = std::move(head);
  unwritten_ += body.size();
  body_ = std::move(body);
  wake_locked();
}

void Response::start(Head head) {
  std::lock_guard lock(mutex_);
  STRATA_CHECK(phase_ == Phase::pending);
  phase_ = Phase::streaming;
  head_ = std::move(head);
  wake_locked();
}

void Response::send(std::string chunk) {
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    STRATA_CHECK(phase_ == Phase::streaming);
    if (gone_ || broken_ || chunk.empty()) return;
    if (unwritten_ + chunk.size() > max_queued_bytes_) {
      // Too slow a reader: cut it off rather than hold its answer in memory.
      gone_ = broken_ = true;
      body_.clear();
      callbacks.swap(callbacks_);
    } else {
      unwritten_ += chunk.size();
      body_ += chunk;
    }
    wake_locked();
  }
  for (auto& call : callbacks) call();
}

void Response::end() {
  std::vector<std::function<void()>> dropped;
  std::lock_guard lock(mutex_);
  STRATA_CHECK(phase_ == Phase::streaming);
  phase_ = Phase::complete;
  dropped.swap(callbacks_);
  wake_locked();
}

void Response::abandon() {
  std::vector<std::function<void()>> dropped;
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::complete) return;
  dropped.swap(callbacks_);
  if (phase_ == Phase::streaming) broken_ = true;
  else if (!gone_) head_ = Head{500, {}, {}, 0};
  phase_ = Phase::complete;
  wake_locked();
}

void Response::on_disconnect(std::function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::complete) return;
    if (!gone_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

size_t Response::queued() const {
  std::lock_guard lock(mutex_);
  return unwritten_;
}

void Response::attach(std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  wake_pending_ = false;
}

void Response::detach() {
  std::function<void()> wake;
  std::lock_guard lock(mutex_);
  wake.swap(wake_);
}

Response::Output Response::take() {
  std::lock_guard lock(mutex_);
  wake_pending_ = false;
  Output out;
  out.head = std::move(head_);
  head_.reset();
  out.body.swap(body_);
  out.complete = phase_ == Phase::complete;
  out.broken = broken_;
  return out;
}

void Response::written(size_t bytes) {
  std::lock_guard lock(mutex_);
  unwritten_ -= bytes;
}

void Response::gone() {
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    if (gone_) return;
    gone_ = true;
    callbacks.swap(callbacks_);
  }
  for (auto& call : callbacks) call();
}

bool Response::started() const {
  std::lock_guard lock(mutex_);
  return phase_ != Phase::pending;
}

bool Response::complete() const {
  std::lock_guard lock(mutex_);
  return phase_ == Phase::complete;
}

bool Response::broken() const {
  std::lock_guard lock(mutex_);
  return broken_;
}

void LiveExchange::reply(int status, std::string_view content_type, std::string body,
                         Headers headers) {
  response_->reply({status, std::string(content_type), std::move(headers), {}}, std::move(body));
}

void LiveExchange::start(int status, std::string_view content_type, Headers headers) {
  response_->start({status, std::string(content_type), std::move(headers), {}});
}

}  // namespace strata::net
