// A model as the operator describes it: known before anything of it is loaded.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "fleet/model_dialect.h"

namespace strata::fleet {

/// What a model is run for; automatic: encoders embed (or rank, with a ranking head), others
/// generate.
enum class Task { automatic, generate, embed };

struct ModelSpec {
  std::vector<std::string> names = {};      // what clients ask for; the first is in answers
  std::vector<std::string> aliases = {};    // also understood, but not listed
  std::string path = {};
  Task task = Task::automatic;
  bool pinned = false;                      // loaded at start, never unloaded to make room
  std::optional<double> keep_alive_s = {};  // stays this long unused; negative: for ever
  engine::EngineOptions engine = {};
  DialectNames dialect = {};

  const std::string& name() const { return names.front(); }
};

/// What a model's file is understood by besides its name: its path and its last part.
std::vector<std::string> aliases_of(const std::string& path);

}  // namespace strata::fleet
