#include <fmt/format.h>

#include <memory>

#include "base/topology.h"
#include "kernel/level.h"
#include "main/bench_json.h"
#include "main/command.h"

namespace strata {
namespace {

struct Options {
  std::vector<int> threads;
  int repetitions = 5;
  bool json = false;
};

void run(Options o) {
  const int most = default_threads(topology());
  if (o.threads.empty()) {
    for (int t = 1; t < most; t *= 2) o.threads.push_back(t);
    o.threads.push_back(most);
  }
  nlohmann::json levels = nlohmann::json::array();
  for (int threads : o.threads) {
    ThreadPool pool({.threads = threads, .cpus = {}});
    const kernel::Roofline r = kernel::measure_roofline(pool, o.repetitions);
    levels.push_back(roofline_json(r));
    if (o.json) continue;
    fmt::print("{} threads: read {:.1f} GB/s, int8 {:.0f} GOP/s, bf16 {:.0f}, f32 {:.0f} GFLOP/s "
               "(medians of {})\n",
               threads, r.read_gb_s.median(), r.int8_gop_s.median(), r.bf16_gflop_s.median(),
               r.f32_gflop_s.median(), o.repetitions);
  }
  if (!o.json) return;
  const Topology& t = topology();
  fmt::print("{}\n", nlohmann::json{{"cpu", t.model}, {"cores", t.cpus.size()},
                                    {"isa", kernel::isa_name(kernel::isa_level())},
                                    {"l3_bytes", t.l3_total_bytes}, {"levels", levels}}.dump());
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "bench", "speed of the machine, a model or a server");
  CLI::App* c = add_command(group, "roofline", "read bandwidth and arithmetic peaks",
                            "strata bench roofline --threads 1,2 --json");
  c->add_option("--threads", o->threads, "thread counts (default: 1, 2, 4 ... all cores)")
      ->delimiter(',')->check(CLI::Range(1, 4096));
  c->add_option("--repetitions", o->repetitions)->check(CLI::Range(1, 1000));
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "bench roofline", .order = 70, .add = add}};

}  // namespace
}  // namespace strata
