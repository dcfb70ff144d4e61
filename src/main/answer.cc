#include "main/answer.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/error.h"
#include "engine/text_stream.h"

namespace strata {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);   // how long Ctrl-C may go unseen

/// From the engine's thread to this one.
class Events {
 public:
  void push(const engine::Event& e) {
    std::lock_guard lock(mutex_);
    events_.push_back(e);
    arrived_.notify_one();
  }
  bool pop(engine::Event& e) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPoll, [&] { return !events_.empty(); })) return false;
    e = std::move(events_.front());
    events_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<engine::Event> events_;
};

}  // namespace

Answer answer(engine::Engine& engine, engine::Request request,
              const std::function<void(std::string_view)>& print,
              const std::function<bool()>& interrupted) {
  Answer a;
  const auto events = std::make_shared<Events>();   // the engine may outlive this call
  engine::TextStream stream(*engine.model().tokenizer, {});
  const auto emit = [&](const std::string& text) {
    if (!text.empty()) print(text);
    a.text += text;
  };
  const double start = now_s();
  const uint64_t id =
      engine.submit(std::move(request), [events](const engine::Event& e) { events->push(e); });
  engine::Event e;
  while (a.finish == engine::Finish::none) {
    if (interrupted()) engine.cancel(id);
    if (!events->pop(e)) continue;
    if (a.first_s == 0) a.first_s = now_s() - start;
    for (const engine::Generated& g : e.tokens) emit(stream.push(g.token).text);
    a.usage = e.usage;
    a.finish = e.finish;
  }
  emit(stream.flush());
  a.seconds = now_s() - start;
  if (a.finish == engine::Finish::error) fail(Code::internal, "{}", e.error);
  return a;
}

}  // namespace strata
