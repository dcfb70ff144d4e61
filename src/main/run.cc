#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "main/chat.h"
#include "main/model_options.h"
#include "main/terminal.h"

namespace strata {
namespace {

struct Options {
  ModelOptions model;
  ChatOptions chat;
  std::string prompt;
  int max_model_len = 0;
};

void run(const Options& o) {
  if (!std::getenv("STRATA_LOG")) log::set_level(log::Level::warn);   // only the talk
  const std::shared_ptr<const model::Model> model = load_model(o.model);
  engine::EngineOptions options = engine_options(o.model);
  options.max_num_seqs = 1;
  options.max_model_len = o.max_model_len;
  engine::Engine engine(model, options);
  Chat chat(engine, o.chat);
  if (!o.prompt.empty()) return chat.once(o.prompt);
  if (!isatty(STDIN_FILENO)) return chat.once(read_standard_input());
  chat.interactive();
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  engine::SamplingParams& s = o->chat.sampling;
  // Keeps small quantised models neither dull nor erratic.
  s.temperature = 0.7f, s.top_p = 0.95f, s.top_k = 40;
  CLI::App* c = add_command(app, "run", "talk to a model in the terminal",
                            "strata run MODEL \"Why is the sky blue?\"");
  add_model_options(*c, o->model);
  c->add_option("prompt", o->prompt, "answer this and end (also from standard input)");
  c->add_option("--system", o->chat.system, "instruction before the conversation");
  c->add_option("--temperature,-t", s.temperature, "0: always the likeliest token")
      ->check(CLI::Range(0.0, 100.0))->capture_default_str();
  c->add_option("--top-p", s.top_p)->check(CLI::Range(0.0, 1.0))->capture_default_str();
  c->add_option("--top-k", s.top_k, "0: off")->check(CLI::Range(0, 1 << 30))->capture_default_str();
  c->add_option("--seed", s.seed, "for the same answer each time");
  c->add_option("--max-tokens,-n", s.max_tokens, "of an answer")->check(CLI::PositiveNumber);
  c->add_option("--max-model-len", o->max_model_len, "context in tokens (default: the model's)")
      ->check(CLI::PositiveNumber);
  c->add_flag("--verbose", o->chat.verbose, "speed after each answer");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "run", .order = 20, .add = add}};

}  // namespace
}  // namespace strata
