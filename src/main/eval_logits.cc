#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/measure/logits.h"
#include "main/model_options.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model{.model = {}, .precision = "exact", .machine = {}};
  std::vector<model::Token> prompt;
  int greedy = 0, chunk = 0;
  bool json = false;
};

void run(const Options& o) {
  const auto model = load_model(o.model);
  engine::EngineOptions options = engine_options(o.model);
  options.max_model_len = static_cast<int>(o.prompt.size()) + o.greedy + 1;
  options.max_num_seqs = 1;
  engine::Session session(*model, options);
  const engine::LogitsReport r = engine::evaluate_logits(session, o.prompt, o.greedy, o.chunk);
  if (o.json) {
    nlohmann::json json = {{"last_logits", r.last_logits}, {"argmax_all", r.argmax_all}};
    if (o.greedy > 0) json["greedy"] = r.greedy;
    fmt::print("{}\n", json.dump());
    return;
  }
  const model::Token best = r.argmax_all.back();
  fmt::print("{} prompt tokens; best next token {} with logit {:.4f}\n", o.prompt.size(), best,
             r.last_logits[static_cast<size_t>(best)]);
  for (model::Token t : r.greedy) {
    fmt::print("{} {}\n", t, model->tokenizer ? model->tokenizer->piece(t) : "");
  }
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "eval", "what a model computes: logits, perplexity");
  CLI::App* c = add_command(group, "logits", "logits of a prompt of token ids",
                            "strata eval logits MODEL --prompt-tokens 1,2,3 --greedy 16 --json");
  add_model_options(*c, o->model);
  c->add_option("--prompt-tokens", o->prompt, "token ids, comma separated")->required()
      ->delimiter(',');
  c->add_option("--greedy", o->greedy, "tokens to continue with")->check(CLI::Range(0, 1 << 20));
  c->add_option("--chunk", o->chunk, "prompt tokens a step (0: as many as fit)")
      ->check(CLI::NonNegativeNumber);
  c->add_flag("--json", o->json, "one JSON object: last_logits, argmax_all, greedy");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "eval logits", .order = 60, .add = add}};

}  // namespace
}  // namespace strata
