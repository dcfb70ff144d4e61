// A few threads for work that would hold an I/O thread too long: parsing and tokenising long
// requests.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace strata::serve {

class Workers {
 public:
  static constexpr size_t max_queued = 1024;

  explicit Workers(int threads);
  ~Workers();   // stop()

  /// Errors: resource_exhausted when the queue is full. job must not throw.
  void post(std::function<void()> job);
  /// Ends the running jobs, drops the queued ones.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strata::serve
