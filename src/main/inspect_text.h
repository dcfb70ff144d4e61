// What `strata inspect` prints.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "graph/graph.h"
#include "model/store.h"

namespace strata {

std::string inspect_text(const model::Store& store, bool all_tensors);
nlohmann::json inspect_json(const model::Store& store);
/// Memory of the compiled plan and barriers a decode step.
std::string plan_text(const graph::Graph& graph);

}  // namespace strata
