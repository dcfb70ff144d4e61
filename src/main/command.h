// A command of the strata program. One file each in this folder; they register themselves.
#pragma once
#include <CLI/CLI.hpp>
#include <string_view>

#include "base/registry.h"

namespace strata {

struct Command {
  std::string_view name;
  int order = 0;                  // place in --help
  /// Adds the subcommand, its options and its callback. The callback throws strata::Error.
  void (*add)(CLI::App& app);
};

/// A subcommand with help that ends in an example.
inline CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& summary,
                             const std::string& example) {
  CLI::App* command = parent.add_subcommand(name, summary);
  command->footer("Example:\n  " + example);
  return command;
}

/// The subcommand of that name, made on first use: `eval`, `bench` hold several commands.
CLI::App& command_group(CLI::App& app, const std::string& name, const std::string& summary);

}  // namespace strata
