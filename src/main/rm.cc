#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/error.h"
#include "main/command.h"
#include "main/progress_bar.h"
#include "model/hub/library.h"

namespace strata {
namespace {

struct Options {
  std::vector<std::string> names;
  bool yes = false;
};

bool confirmed(const Options& o) {
  if (o.yes) return true;
  if (!isatty(STDIN_FILENO))
    fail(Code::invalid_argument, "deleting without a terminal to ask on needs --yes");
  fmt::print("delete {} from {}? [y/N] ", fmt::join(o.names, ", "), model::library_folder());
  std::fflush(stdout);
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes");
}

void run(const Options& o) {
  if (!confirmed(o)) return fmt::print("nothing deleted\n");
  for (const std::string& name : o.names)
    fmt::print("{}: {} deleted\n", name, size_text(model::remove_model(name)));
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "rm", "delete models from the library", "strata rm NAME --yes");
  c->add_option("names", o->names, "whole names, as `strata list` shows them")->required();
  c->add_flag("--yes,-y", o->yes, "do not ask");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "rm", .order = 13, .add = add}};

}  // namespace
}  // namespace strata
