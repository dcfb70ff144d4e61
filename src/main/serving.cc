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
#include "model/plan.h"

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
  fmt::print("serving {} on {}://{}:{}/v1 after {:.1f} s\n", names,
             o.app.tls_certificate.empty() ? "http" : "https", o.app.host, app.port(),
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

serve::AppOptions app_options(const ServingOptions& o) {
  serve::AppOptions app = o.app;
  for (const std::string& key : o.api_keys)
    app.keys.push_back({.name = fmt::format("key-{}", app.keys.size() + 1),
                        .key = key,
                        .role = serve::Role::admin});
  return app;
}

}  // namespace

std::string check_serving(const ServingOptions& o) {
  serve::AppOptions app = app_options(o);
  app.state_folder.clear();   // a check leaves nothing behind
  std::string report;
  for (const fleet::ModelSpec& spec : make_specs(o)) {
    const model::Plan plan = model::make_plan(*model::open_store(spec.path));
    if (!plan.runs())
      fail(Code::unimplemented, "{}: cannot run: {}", spec.path, fmt::join(plan.blockers, "; "));
    report += fmt::format("model {} ({}){}\n", spec.name(), plan.architecture,
                          spec.pinned ? ", pinned" : "");
  }
  for (const serve::KeyOptions& key : app.keys)
    report += fmt::format("key {} ({})\n", key.name,
                          key.role == serve::Role::admin ? "admin" : "user");
  app.port = 0;
  serve::App(make_fleet(o), app).start();
  return report + "the configuration is valid\n";
}

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
  serve::App app(std::move(fleet), app_options(o));
  run(app, line, o, start, signals);
  return 0;
}

}  // namespace strata
