// The strata program: finds the command, maps errors to exit statuses.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <vector>

#include "base/error.h"
#include "base/version.h"
#include "main/command.h"
#include "main/compatible.h"
#include "main/tuning_file.h"

namespace strata {
namespace {

int run(int argc, char** argv) {
  CLI::App app{"strata: large language models from a checkpoint file to a served application"};
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("strata {} ({})", version(), commit()));
  std::vector<const Command*> commands;
  Registry<Command>::each([&](const Command& c) { commands.push_back(&c); });
  std::sort(commands.begin(), commands.end(),
            [](const Command* a, const Command* b) { return a->order < b->order; });
  for (const Command* c : commands) c->add(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int status = app.exit(e);
    return status == 0 ? 0 : exit_status(Code::invalid_argument);
  }
  return 0;
}

bool called_server(const char* argv0) {
  const char* slash = std::strrchr(argv0, '/');
  return std::strcmp(slash ? slash + 1 : argv0, "server") == 0;
}

}  // namespace
}  // namespace strata

int main(int argc, char** argv) {
  try {
    strata::use_stored_tuning();
    return strata::called_server(argv[0]) ? strata::run_compatible_server(argc, argv)
                                          : strata::run(argc, argv);
  } catch (const strata::Error& e) {
    fmt::print(stderr, "strata: {}\n", e.what());
    return strata::exit_status(e.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "strata: out of memory\n");
    return strata::exit_status(strata::Code::resource_exhausted);
  } catch (const std::exception& e) {
    fmt::print(stderr, "strata: {}\n", e.what());
    return strata::exit_status(strata::Code::internal);
  }
}
