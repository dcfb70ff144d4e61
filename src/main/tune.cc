#include "engine/measure/tune.h"

#include <fmt/format.h>

#include <memory>

#include "base/clock.h"
#include "engine/measure/session.h"
#include "main/model_options.h"
#include "main/tuning_file.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model;
  engine::TuneOptions tune;
  bool dry_run = false;
};

// What a server does in turn: prompts of some lengths, single tokens, short verifications.
class Work {
 public:
  explicit Work(engine::Session& session) : session_(session) {}
  double operator()(const Tuning& choices) {
    set_tuning(choices);
    session_.executor().pool().set_spin(choices.spin_us);
    session_.rewind(0);
    const double start = now_s();
    for (const int tokens : {192, 24, 12, 6}) append(tokens);
    for (int i = 0; i < 24; ++i) append(1);
    return now_s() - start;
  }

 private:
  void append(int n) {
    const std::vector<engine::Token> tokens(static_cast<size_t>(n), 1);
    session_.append(tokens);
  }
  engine::Session& session_;
};

void run(const Options& o) {
  const auto model = load_model(o.model);
  engine::EngineOptions options = engine_options(o.model);
  options.max_num_seqs = 1;
  options.max_model_len = 512;
  engine::Session session(*model, options);
  Work work(session);
  work(tuning());   // to warm up
  const Tuning best = engine::tune(Tuning{}, work, o.tune,
                                   [](std::string_view choice, int value, double seconds) {
                                     fmt::print("{:<16} {:>6} {:>9.2f} ms\n", choice, value,
                                                seconds * 1e3);
                                   });
  for (const TuningChoice& c : tuning_choices())
    fmt::print("{}: {}{}\n", c.name, best.*c.member,
               best.*c.member == Tuning{}.*c.member ? " (default)" : "");
  if (o.dry_run) return;
  save_tuning(tuning_path(), tuning_key(), best);
  fmt::print("kept in {} for '{}'\n", tuning_path(), tuning_key());
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "tune", "measures what is best on this machine");
  CLI::App* c = add_command(group, "kernels", "sizes and waits of kernels and threads",
                            "strata tune kernels MODEL");
  add_model_options(*c, o->model);
  c->add_option("--repetitions", o->tune.repetitions)->check(CLI::Range(1, 1000));
  c->add_flag("--dry-run", o->dry_run, "keeps nothing");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "tune kernels", .order = 78, .add = add}};

}  // namespace
}  // namespace strata
