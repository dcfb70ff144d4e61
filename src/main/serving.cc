#include "main/serving.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/level.h"
#include "model/hub/library.h"
#include "serve/backend.h"

namespace strata {
namespace {

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

std::string serving_line(const ServingOptions& o, const model::Model& model, int port,
                         double seconds) {
  return fmt::format("serving {} on http://{}:{}/v1 after {:.1f} s\n",
                     o.app.served_names.empty() ? model.name : o.app.served_names.front(),
                     o.app.host, port, seconds);
}

// Until the first stop signal; the second ends the process at once.
void run(serve::App& app, const ServingOptions& o, const model::Model& model, double start,
         const StopSignals& signals) {
  app.start();
  fmt::print("{}", serving_line(o, model, app.port(), now_s() - start));
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
  const auto model = model::load(model::find_model(o.model));
  if (o.task == "embed" || (o.task.empty() && !model->hyper.causal)) {
    engine::Embedder embedder(model, {.threads = o.engine.threads,
                                      .max_model_len = o.engine.max_model_len,
                                      .max_num_seqs = o.engine.max_num_seqs});
    log::info("{} ({}): vectors of {}, {} threads, {}, context {}", model->name,
              model->hyper.arch, embedder.width(), embedder.options().threads,
              kernel::isa_name(kernel::isa_level()), embedder.options().max_model_len);
    serve::App app(serve::make_backend(embedder), o.app);
    run(app, o, *model, start, signals);
    return 0;
  }
  engine::Engine engine(model, o.engine);
  const engine::EngineOptions& chosen = engine.options();
  log::info("{} ({}): {} threads, {}, context {}, {} sequences", model->name, model->hyper.arch,
            chosen.threads, kernel::isa_name(kernel::isa_level()), chosen.max_model_len,
            chosen.max_num_seqs);
  serve::App app(engine, o.app);
  run(app, o, *model, start, signals);
  return 0;
}

}  // namespace strata
