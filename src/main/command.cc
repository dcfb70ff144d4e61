#include "main/command.h"

namespace strata {

CLI::App& command_group(CLI::App& app, const std::string& name, const std::string& summary) {
  for (CLI::App* group :
       app.get_subcommands([&](const CLI::App* c) { return c->get_name() == name; }))
    return *group;
  CLI::App* group = app.add_subcommand(name, summary);
  group->require_subcommand(1);
  return *group;
}

}  // namespace strata
