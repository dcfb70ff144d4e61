#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "kernel/type.h"
#include "main/command.h"
#include "main/progress_bar.h"
#include "model/hub/library.h"
#include "model/model.h"

namespace strata {
namespace {

nlohmann::json describe(const model::Model& m) {
  const model::Hyper& h = m.hyper;
  nlohmann::json json = {{"name", m.name}, {"path", m.path}, {"format", m.store->format()},
                         {"arch", h.arch}, {"context", h.n_context}, {"vocabulary", h.n_vocab},
                         {"layers", h.n_layer}, {"width", h.d_model},
                         {"bytes", m.store->total_bytes()},
                         {"chat_template", m.chat_template.has_value()}};
  int64_t parameters = 0;
  for (const model::TypeSize& t : model::sizes_by_type(*m.store)) {
    parameters += t.elements;
    json["types"][std::string(kernel::info(t.type).name)] = {
        {"tensors", t.tensors}, {"elements", t.elements}, {"bytes", t.bytes}};
  }
  json["parameters"] = parameters;
  return json;
}

void print_text(const nlohmann::json& j) {
  const auto line = [](std::string_view label, const std::string& value) {
    fmt::print("{:<14}{}\n", label, value);
  };
  line("name", j["name"]);
  line("architecture", j["arch"]);
  line("parameters", fmt::format("{:.3g} billion", j["parameters"].get<double>() / 1e9));
  for (const char* key : {"layers", "width", "context", "vocabulary"}) line(key, j[key].dump());
  for (const auto& [type, sum] : j["types"].items())
    line(type, fmt::format("{} tensors, {}", sum["tensors"].get<int>(), size_text(sum["bytes"])));
  line("template", j["chat_template"] ? "yes" : "no");
  line("path", j["path"]);
}

void add(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* c = add_command(app, "show", "what a model is: architecture, size, context",
                            "strata show NAME --json");
  c->add_option("model", *name, "name of a pulled model, or path")->required();
  c->add_flag("--json", *as_json, "one JSON object");
  c->callback([name, as_json] {
    const nlohmann::json json = describe(*model::load(model::find_model(*name)));
    *as_json ? fmt::print("{}\n", json.dump()) : print_text(json);
  });
}

const Registry<Command> entry{{.name = "show", .order = 12, .add = add}};

}  // namespace
}  // namespace strata
