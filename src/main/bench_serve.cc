#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "main/command.h"
#include "serve/load.h"

namespace strata {
namespace {

using serve::LoadLevel;

nlohmann::json to_json(const serve::Distribution& d) {
  return {{"mean", d.mean}, {"p50", d.p50}, {"p90", d.p90}, {"p99", d.p99}, {"max", d.max}};
}

nlohmann::json level_json(const LoadLevel& l) {
  return {{"concurrency", l.concurrency}, {"requests", l.requests}, {"errors", l.errors},
          {"seconds", l.seconds}, {"prompt_tokens", l.prompt_tokens},
          {"output_tokens", l.output_tokens}, {"output_tok_s", l.output_tok_s},
          {"ttft_ms", to_json(l.ttft_ms)}, {"itl_ms", to_json(l.itl_ms)},
          {"e2e_ms", to_json(l.e2e_ms)}};
}

void print_level(const LoadLevel& l, FILE* to) {
  fmt::print(to, "{:>4} streams: {} requests, {} errors, {:.1f} tok/s; ", l.concurrency, l.requests,
             l.errors, l.output_tok_s);
  fmt::print(to, "ms p50/p99: ttft {:.0f}/{:.0f}, itl {:.1f}/{:.1f}, e2e {:.0f}/{:.0f}\n",
             l.ttft_ms.p50, l.ttft_ms.p99, l.itl_ms.p50, l.itl_ms.p99, l.e2e_ms.p50, l.e2e_ms.p99);
  if (l.errors > 0) fmt::print(stderr, "  first error: {}\n", l.first_error);
}

void run(const serve::LoadOptions& o, bool json) {
  nlohmann::json out = {{"levels", nlohmann::json::array()}};
  serve::run_load(o, [&](const LoadLevel& l) {
    print_level(l, json ? stderr : stdout);
    out["levels"].push_back(level_json(l));
  });
  if (json) fmt::print("{}\n", out.dump());
}

void add(CLI::App& app) {
  auto o = std::make_shared<serve::LoadOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App& group = command_group(app, "bench", "speed of the machine, a model or a server");
  CLI::App* c = add_command(group, "serve", "throughput and latencies of a server under load",
                            "strata bench serve --url http://127.0.0.1:8080 --concurrency 1,8,32");
  c->add_option("--url", o->url, "the server")->required();
  c->add_option("--model", o->model, "model to ask for");
  c->add_option("--concurrency", o->concurrency, "streams, one level each")->delimiter(',');
  c->add_option("--prompt-tokens", o->prompt_tokens)->capture_default_str();
  c->add_option("--output-tokens", o->output_tokens)->capture_default_str();
  c->add_option("--requests", o->requests, "a level (default: two a stream)");
  c->add_option("--api-key", o->api_key)->envname("STRATA_API_KEY");
  c->add_option("--seed", o->seed, "of the prompts (default: another each time)");
  c->add_flag("--allow-remote", o->allow_remote, "load a server on another machine");
  c->add_flag("--json", *json, "one JSON object: levels");
  c->callback([o, json] { run(*o, *json); });
}

const Registry<Command> entry{{.name = "bench serve", .order = 72, .add = add}};

}  // namespace
}  // namespace strata
