#include "model/hub/pull.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "main/command.h"
#include "main/progress_bar.h"
#include "model/hub/catalogue.h"

namespace strata {
namespace {

struct Options {
  std::string source, name;
  bool json = false, list = false;
};

void print_catalogue() {
  for (const model::CatalogueEntry& e : model::catalogue())
    fmt::print("{:<30} {:>6.4g} B {:>6.3g} GB  {:<18} {:<28} {}\n", e.name, e.params_b, e.gb,
               e.licence, e.quantisations, e.source);
}

model::Pulled fetch(const Options& o) {
  ProgressBar bar(o.json);
  const auto show = [&](const std::string& file, int64_t bytes, int64_t total) {
    bar.show(file, bytes, total);
  };
  return model::pull(o.source, {.name = o.name, .on_progress = show});
}

void run(const Options& o) {
  if (o.list) return print_catalogue();
  if (o.source.empty()) fail(Code::invalid_argument, "what to pull? --list shows known models");
  const model::Pulled p = fetch(o);
  if (o.json) {
    const nlohmann::json json = {
        {"name", p.name}, {"path", p.path}, {"bytes", p.bytes}, {"was_there", p.was_there}};
    return fmt::print("{}\n", json.dump());
  }
  fmt::print("{} ({}): {}\nstrata run {}\n", p.name, size_text(p.bytes),
             p.was_there ? "was there already" : p.path, p.name);
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "pull", "fetch a model into the library",
                            "strata pull qwen3-8b\n"
                            "  strata pull hf:OWNER/NAME:q4_k_m\n"
                            "  strata pull https://HOST/model.gguf --name mine");
  c->add_option("source", o->source,
                "name of the list, path, http(s) address, hf:OWNER/NAME[:FILE or quantisation], "
                "ms:...");
  c->add_option("--name", o->name, "name in the library (default: the file's or repository's)");
  c->add_flag("--list", o->list, "known models: parameters, size, licence, quantisations, source");
  c->add_flag("--json", o->json, "one JSON object: name, path, bytes, was_there");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "pull", .order = 10, .add = add}};

}  // namespace
}  // namespace strata
