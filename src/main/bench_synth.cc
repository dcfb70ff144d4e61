#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/error.h"
#include "main/command.h"
#include "main/progress_bar.h"
#include "model/format/synthetic.h"
#include "model/hub/library.h"

namespace strata {
namespace {

struct Options {
  std::string out, shape = "llama3-8b", type = "q4_0", head_type = "q6_k", tokenizer;
  model::SyntheticOptions synthetic;
};

kernel::Type type_named(const std::string& name) {
  if (const auto type = kernel::type_from_name(name)) return *type;
  fail(Code::invalid_argument, "unknown type '{}': types are named as in GGUF, like q4_0", name);
}

void run(const Options& o) {
  model::SyntheticOptions s = o.synthetic;
  s.shape = model::find_synthetic_shape(o.shape);
  if (!s.shape)
    fail(Code::invalid_argument, "unknown shape '{}': there are {}", o.shape,
         model::synthetic_shape_names());
  s.type = type_named(o.type);
  s.head_type = type_named(o.head_type);
  if (!o.tokenizer.empty()) s.tokenizer_from = model::find_model(o.tokenizer);
  model::write_synthetic(o.out, s);
  fmt::print("{}: {} in {}, {}\n", o.out, o.shape, o.type,
             size_text(static_cast<int64_t>(std::filesystem::file_size(o.out))));
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App& group = command_group(app, "bench", "speed of the machine, a model or a server");
  CLI::App* c = add_command(group, "synth", "write a model of random weights to measure speed with",
                            "strata bench synth 8b.gguf --shape llama3-8b --type q4_0");
  c->add_option("out", o->out, "file to write")->required();
  c->add_option("--shape", o->shape, "one of " + model::synthetic_shape_names());
  c->add_option("--type", o->type, "of all matrices but the head");
  c->add_option("--head-type", o->head_type, "of the output matrix");
  c->add_option("--layers", o->synthetic.n_layer, "fewer or more than the shape has")
      ->check(CLI::Range(0, 4096));
  c->add_option("--tokenizer", o->tokenizer, "GGUF model with the vocabulary (default: 256 bytes)");
  c->add_option("--seed", o->synthetic.seed, "of the weights");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "bench synth", .order = 73, .add = add}};

}  // namespace
}  // namespace strata
