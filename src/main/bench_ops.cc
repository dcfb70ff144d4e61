#include "engine/measure/bench_ops.h"

#include <fmt/format.h>

#include <memory>

#include "main/bench_json.h"
#include "main/model_options.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model;
  engine::BenchOpsOptions bench;
  bool json = false;
};

nlohmann::json report_json(const engine::BenchOpsReport& r, const Options& o) {
  nlohmann::json ops = nlohmann::json::array();
  for (const engine::OpTime& op : r.ops) {
    ops.push_back({{"name", op.name}, {"nodes", op.nodes}, {"seconds", op.seconds},
                   {"bytes", op.bytes}, {"operations", op.operations}});
  }
  return {{"model", o.model.model}, {"tokens", o.bench.tokens}, {"depth", o.bench.depth},
          {"step_seconds", r.step_seconds}, {"roofline", roofline_json(r.roofline)}, {"ops", ops}};
}

void run(const Options& o) {
  const auto model = load_model(o.model);
  engine::EngineOptions options = engine_options(o.model);
  options.max_num_seqs = 1;
  options.max_num_batched_tokens = std::max(options.max_num_batched_tokens, o.bench.tokens);
  options.max_model_len = o.bench.depth + o.bench.tokens;
  engine::Session session(*model, options);
  const engine::BenchOpsReport r = engine::bench_ops(session, o.bench);
  if (o.json) return fmt::print("{}\n", report_json(r, o).dump());
  fmt::print("{:<44} {:>5} {:>9} {:>6} {:>8} {:>9}\n", "operation", "nodes", "us a step", "share",
             "GB/s", "GOP/s");
  for (const engine::OpTime& op : r.ops) {
    fmt::print("{:<44} {:>5} {:>9.1f} {:>5.1f}% {:>8.2f} {:>9.1f}\n", op.name, op.nodes,
               op.seconds * 1e6, 100 * op.seconds / r.step_seconds, op.bytes / op.seconds / 1e9,
               op.operations / op.seconds / 1e9);
  }
  fmt::print("roofs: {:.1f} GB/s read, {:.0f} GOP/s int8\n", r.roofline.read_gb_s.median(),
             r.roofline.int8_gop_s.median());
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "bench", "speed of the machine, a model or a server");
  CLI::App* c = add_command(group, "ops", "where the time of a step goes, by operation",
                            "strata bench ops MODEL --tokens 1 --depth 1000");
  add_model_options(*c, o->model);
  c->add_option("--tokens", o->bench.tokens, "of a step")->check(CLI::Range(1, 1 << 16));
  c->add_option("--depth", o->bench.depth, "positions in the cache before")
      ->check(CLI::Range(0, 1 << 20));
  c->add_option("--repetitions", o->bench.repetitions)->check(CLI::Range(1, 1000));
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "bench ops", .order = 74, .add = add}};

}  // namespace
}  // namespace strata
