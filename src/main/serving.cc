#include "main/serving.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "main/fleet_specs.h"

namespace strata {
namespace {

constexpr size_t max_names = 8;   // in the line that says what is served

// Blocks the stop signals in this thread and those it starts; wait() takes them one by one.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  void wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
  }

 private:
  sigset_t set_{};
};

// Until the first stop signal; the second ends the process at once.
void run(serve::App& app, const std::string& names, const ServingOptions& o, double start,
         const StopSignals& signals) {
  app.start();
  fmt::print("serving {} on http://{}:{}/v1 after {:.1f} s\n", names, o.app.host, app.port(),
             now_s() - start);
  std::fflush(stdout);
  signals.wait();
  log::info("stopping: running requests may finish for {:.0f} s", o.shutdown_timeout_s);
  std::thread impatient([&signals] {
    signals.wait();
    _exit(130);
  });
  impatient.detach();
  app.stop(o.shutdown_timeout_s);
}

}  // namespace

int serve_until_stopped(const ServingOptions& o) {
  const StopSignals signals;
  const double start = now_s();
  std::unique_ptr<fleet::Fleet> fleet = make_fleet(o);
  fleet->load_pinned();
  std::vector<std::string> names;
  for (const fleet::ModelState& state : fleet->list()) names.push_back(state.spec.name());
  const size_t more = names.size() - std::min(names.size(), max_names);
  names.resize(names.size() - more);
  std::string line = names.empty() ? "an empty library" : fmt::format("{}", fmt::join(names, ", "));
  if (more > 0) line += fmt::format(" and {} more", more);
  serve::App app(std::move(fleet), o.app);
  run(app, line, o, start, signals);
  return 0;
}

}  // namespace strata
