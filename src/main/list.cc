#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "main/command.h"
#include "main/progress_bar.h"
#include "model/hub/library.h"

namespace strata {
namespace {

void print_text(const std::vector<model::LibraryEntry>& entries) {
  if (entries.empty())
    return fmt::print("no models in {}: `strata pull` fetches one\n", model::library_folder());
  size_t width = 4;
  for (const auto& e : entries) width = std::max(width, e.name.size());
  fmt::print("{:<{}}  {:>8}  {}\n", "name", width, "size", "modified");
  for (const auto& e : entries)
    fmt::print("{:<{}}  {:>8}  {:%Y-%m-%d %H:%M}\n", e.name, width, size_text(e.bytes),
               fmt::localtime(static_cast<std::time_t>(e.modified_s)));
}

void print_json(const std::vector<model::LibraryEntry>& entries) {
  nlohmann::json json = {{"folder", model::library_folder()}, {"models", nlohmann::json::array()}};
  for (const auto& e : entries)
    json["models"].push_back(
        {{"name", e.name}, {"path", e.path}, {"bytes", e.bytes}, {"modified", e.modified_s}});
  fmt::print("{}\n", json.dump());
}

void add(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  CLI::App* c = add_command(app, "list", "the models of the library", "strata list --json");
  c->add_flag("--json", *json, "one JSON object: folder, models");
  c->callback([json] { (*json ? print_json : print_text)(model::library()); });
}

const Registry<Command> entry{{.name = "list", .order = 11, .add = add}};

}  // namespace
}  // namespace strata
