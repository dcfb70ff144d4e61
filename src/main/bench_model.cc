#include "engine/measure/bench_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "main/bench_json.h"
#include "main/model_options.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model;
  engine::BenchModelOptions bench;
  bool json = false;
};

nlohmann::json report_json(const engine::BenchModelReport& r, const model::Model& model) {
  nlohmann::json json = {{"model", model.name}, {"threads", r.roofline.threads},
                         {"roofline", roofline_json(r.roofline)},
                         {"prefill", nlohmann::json::array()}, {"decode", nlohmann::json::array()}};
  for (const engine::PrefillResult& p : r.prefill) {
    json["prefill"].push_back({{"tokens", p.tokens}, {"tok_s", rate_json(p.tok_s)},
                               {"roof_share", rate_json(p.roof_share)}});
  }
  for (const engine::DecodeResult& d : r.decode) {
    json["decode"].push_back({{"depth", d.depth}, {"batch", d.batch},
                              {"tok_s", rate_json(d.tok_s)}, {"gb_s", rate_json(d.gb_s)},
                              {"bytes_per_step", d.bytes_per_step},
                              {"bytes_per_token", d.bytes_per_step / d.batch},
                              {"operations_per_step", d.operations_per_step},
                              {"roof_share", rate_json(d.roof_share)}});
  }
  return json;
}

void run(const Options& o) {
  const auto model = load_model(o.model);
  engine::EngineOptions options = engine_options(o.model);
  options.max_num_seqs = *std::max_element(o.bench.batch.begin(), o.bench.batch.end());
  const int longest = *std::max_element(o.bench.depth.begin(), o.bench.depth.end()) + o.bench.gen;
  options.max_model_len =
      std::max(longest, *std::max_element(o.bench.prompt.begin(), o.bench.prompt.end()));
  engine::Session session(*model, options);
  const engine::BenchModelReport r = engine::bench_model(session, o.bench);
  if (o.json) return fmt::print("{}\n", report_json(r, *model).dump());
  const auto line = [](const kernel::Rate& a, const kernel::Rate& share) {
    return fmt::format("{:.1f} / {:.1f} / {:.1f} tok/s, {:.2f} / {:.2f} / {:.2f} of the roof",
                       a.min(), a.median(), a.max(), share.min(), share.median(), share.max());
  };
  for (const auto& p : r.prefill)
    fmt::print("prefill {:>5}: {}\n", p.tokens, line(p.tok_s, p.roof_share));
  for (const auto& d : r.decode)
    fmt::print("decode at {:>5}, {:>3} together: {}\n", d.depth, d.batch,
               line(d.tok_s, d.roof_share));
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "bench", "speed of the machine, a model or a server");
  CLI::App* c = add_command(
      group, "model", "prefill and decode speed of a model, next to the machine's limits",
      "strata bench model MODEL --prompt 512 --gen 128 --depth 0,4096 --threads 2 --json");
  add_model_options(*c, o->model);
  c->add_option("--prompt", o->bench.prompt, "prefill lengths")->delimiter(',')
      ->check(CLI::Range(0, 1 << 20));
  c->add_option("--depth", o->bench.depth, "positions in the cache before decoding")
      ->delimiter(',')->check(CLI::Range(0, 1 << 20));
  c->add_option("--batch", o->bench.batch, "sequences that decode together (tok/s: of all)")
      ->delimiter(',')->check(CLI::Range(1, 512));
  c->add_option("--gen", o->bench.gen, "decoded tokens")->check(CLI::Range(0, 1 << 20));
  c->add_option("--repetitions", o->bench.repetitions)->check(CLI::Range(1, 1000));
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "bench model", .order = 71, .add = add}};

}  // namespace
}  // namespace strata
