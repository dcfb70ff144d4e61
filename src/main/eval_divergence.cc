#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/measure/divergence.h"
#include "main/text_options.h"

namespace strata {
namespace {

struct Options {
  ModelOptions tested, reference;
  TextOptions text;
  bool json = false;
};

nlohmann::json report_json(const engine::DivergenceReport& r, int context) {
  return {{"kl_mean", r.mean}, {"kl_stderr", r.stderr_mean}, {"kl_median", r.median},
          {"kl_p99", r.p99}, {"kl_max", r.most}, {"same_top", r.same_top},
          {"perplexity", r.tested.perplexity},
          {"reference_perplexity", r.reference.perplexity},
          {"tokens_scored", r.tested.tokens_scored}, {"windows", r.tested.windows},
          {"context", context}};
}

void run(Options o) {
  if (o.reference.model.empty()) o.reference.model = o.tested.model;
  // What both run on is not compared.
  o.reference.machine.threads = o.tested.machine.threads;
  o.reference.machine.numa = o.tested.machine.numa;
  o.reference.machine.pin = o.tested.machine.pin;
  const auto tested = load_model(o.tested);
  const auto reference =
      o.reference.model == o.tested.model ? tested : load_model(o.reference);
  const std::vector<model::Token> tokens = read_tokens(o.text, *reference);
  engine::Session a(*reference, session_options(o.reference, o.text));
  engine::Session b(*tested, session_options(o.tested, o.text));
  const auto progress = [&](int64_t window, double so_far) {
    if (!o.json) fmt::print(stderr, "\r{} windows, divergence {:.6f}", window, so_far);
  };
  const engine::DivergenceReport r =
      engine::divergence(a, b, scored_text(o.text, tokens, *reference), progress);
  if (o.json) return fmt::print("{}\n", report_json(r, o.text.context).dump());
  fmt::print(stderr, "\n");
  fmt::print("divergence {:.3g} +- {:.1g} (median {:.3g}, 99 % {:.3g}, most {:.3g}), same first "
             "choice {:.2f} %\nperplexity {:.4f}, reference {:.4f} ({:+.3f} %)\n",
             r.mean, r.stderr_mean, r.median, r.p99, r.most, 100 * r.same_top, r.tested.perplexity,
             r.reference.perplexity, 100 * (r.tested.perplexity / r.reference.perplexity - 1));
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  o->reference.precision = "exact";
  CLI::App& group = command_group(app, "eval", "what a model computes: logits, perplexity");
  CLI::App* c = add_command(
      group, "divergence",
      "what a coding costs: KL divergence of predictions from those of a reference",
      "strata eval divergence MODEL --file text.txt --precision exact --kv-cache-dtype q8_0");
  add_model_options(*c, o->tested);
  c->add_option("--reference", o->reference.model, "another file of the model (default: the same)");
  c->add_option("--reference-precision", o->reference.precision, "fast or exact (the default)")
      ->check(CLI::IsMember({"fast", "exact"}));
  c->add_option("--reference-kv-cache-dtype", o->reference.machine.kv_cache_dtype,
                "its keys and values (default: by its precision)");
  add_text_options(*c, o->text);
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "eval divergence", .order = 62, .add = add}};

}  // namespace
}  // namespace strata
