#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "graph/pass.h"
#include "main/command.h"
#include "main/inspect_text.h"
#include "model/arch.h"
#include "model/hub/library.h"
#include "model/plan.h"
#include "model/store.h"
#include "model/weights.h"

namespace strata {
namespace {

struct Options {
  std::string file;
  bool graph = false, tensors = false, json = false, exact = false;
};

// Loading the tokenizer is not needed to look at a file, so the store is opened alone.
void print_graph(const model::Store& store, bool exact) {
  const model::Hyper hyper = model::read_hyper(store);
  const model::Arch* arch = Registry<model::Arch>::find(hyper.arch);
  if (!arch) {
    fail(Code::unimplemented, "architecture '{}' is not supported; supported are {}", hyper.arch,
         model::arch_names());
  }
  const model::Weights weights(store, hyper);
  graph::Graph g = model::build_graph(*arch, hyper, weights);
  fmt::print("== as declared by arch/{}\n{}", hyper.arch, graph::describe(g));
  for (const graph::Pass& pass : graph::passes(exact)) {
    pass.run(g);
    fmt::print("\n== after {}\n{}", pass.name, graph::describe(g));
  }
  fmt::print("{}", plan_text(g));
}

void run(const Options& o) {
  const auto store = model::open_store(model::find_model(o.file));
  if (o.graph) return print_graph(*store, o.exact);
  if (o.json) return fmt::print("{}\n", inspect_json(*store).dump(2));
  fmt::print("{}\n{}", model::plan_text(model::make_plan(*store)),
             inspect_text(*store, o.tensors));
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "inspect", "metadata, tensors and graph of a model file",
                            "strata inspect model.gguf --graph");
  c->add_option("file", o->file, "model file, folder, or name of a pulled model")->required();
  c->add_flag("--graph", o->graph, "the graph before and after each pass, with bytes and flops");
  c->add_flag("--exact", o->exact, "with --graph: the passes of exact precision");
  c->add_flag("--tensors", o->tensors, "every tensor");
  c->add_flag("--json", o->json, "one JSON object");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "inspect", .order = 50, .add = add}};

}  // namespace
}  // namespace strata
