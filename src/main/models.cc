#include <fmt/format.h>

#include "main/command.h"
#include "model/family_table.h"

namespace strata {
namespace {

void add(CLI::App& app) {
  CLI::App* c = add_command(app, "models", "the architectures that can be loaded, as a table",
                            "strata models");
  c->callback([] { fmt::print("{}", model::family_table()); });
}

const Registry<Command> entry{{.name = "models", .order = 55, .add = add}};

}  // namespace
}  // namespace strata
