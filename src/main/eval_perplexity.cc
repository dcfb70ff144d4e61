#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/measure/perplexity.h"
#include "main/text_options.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model;
  TextOptions text;
  bool json = false;
};

void run(const Options& o) {
  const auto model = load_model(o.model);
  const std::vector<model::Token> tokens = read_tokens(o.text, *model);
  engine::Session session(*model, session_options(o.model, o.text));
  const auto progress = [&](int64_t window, double so_far) {
    if (!o.json) fmt::print(stderr, "\r{} windows, perplexity {:.4f}", window, so_far);
  };
  const engine::PerplexityReport r =
      engine::perplexity(session, scored_text(o.text, tokens, *model), progress);
  if (o.json) {
    const nlohmann::json report = {
        {"perplexity", r.perplexity}, {"nll", r.nll}, {"nll_stderr", r.stderr_nll},
        {"tokens_scored", r.tokens_scored}, {"windows", r.windows},
        {"context", o.text.context}, {"tokens", tokens.size()}};
    fmt::print("{}\n", report.dump());
  } else {
    fmt::print(stderr, "\n");
    fmt::print("perplexity {:.4f} +- {:.4f} over {} tokens\n", r.perplexity,
               r.perplexity * r.stderr_nll, r.tokens_scored);
  }
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "eval", "what a model computes: logits, perplexity");
  CLI::App* c = add_command(group, "perplexity", "how well a model predicts a text",
                            "strata eval perplexity MODEL --file text.txt --json");
  add_model_options(*c, o->model);
  add_text_options(*c, o->text);
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "eval perplexity", .order = 61, .add = add}};

}  // namespace
}  // namespace strata
