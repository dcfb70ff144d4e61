#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/measure/perplexity.h"
#include "main/model_options.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model;
  std::string file;
  int context = 512, windows = 0;
  bool json = false;
};

void run(const Options& o) {
  std::ifstream in(o.file, std::ios::binary);
  if (!in) fail(Code::not_found, "cannot read the text file {}", o.file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto model = load_model(o.model);
  const model::Tokenizer& tokenizer = need_tokenizer(*model);
  const auto tokens = tokenizer.encode(text, {.add_special = true, .parse_special = false});
  engine::EngineOptions options = engine_options(o.model);
  options.max_model_len = o.context;
  options.max_num_seqs = 1;
  options.max_num_batched_tokens = o.context;
  engine::Session session(*model, options);
  const auto progress = [&](int window, double so_far) {
    if (!o.json) fmt::print(stderr, "\r{} windows, perplexity {:.4f}", window, so_far);
  };
  const engine::PerplexityReport r =
      engine::perplexity(session, tokens, o.context, tokenizer.add_bos ? tokenizer.bos : -1,
                         o.windows, progress);
  if (o.json) {
    fmt::print("{}\n", nlohmann::json{{"perplexity", r.perplexity}, {"nll", r.nll},
                                      {"nll_stderr", r.stderr_nll},
                                      {"tokens_scored", r.tokens_scored}, {"windows", r.windows},
                                      {"context", o.context}, {"tokens", tokens.size()}}.dump());
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
  c->add_option("--file", o->file, "UTF-8 text")->required();
  c->add_option("--context", o->context, "tokens a window; the second half is scored")
      ->check(CLI::Range(4, 1 << 20));
  c->add_option("--windows", o->windows, "most windows to score (0: all)");
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "eval perplexity", .order = 61, .add = add}};

}  // namespace
}  // namespace strata
