// What `strata tune kernels` found, kept per CPU model in the user's cache folder.
#pragma once
#include <optional>
#include <string>

#include "base/tuning.h"

namespace strata {

/// $XDG_CACHE_HOME/strata/tuning.json, else ~/.cache/strata/tuning.json; empty without a home.
std::string tuning_path();
/// Names the machine: CPU model, number of cores, instruction set.
std::string tuning_key();

/// The choices stored for `key`. A file that cannot be read, is no JSON or has values out of their
/// limits counts as none, with a warning: the defaults serve.
std::optional<Tuning> load_tuning(const std::string& path, const std::string& key);
/// Keeps what is stored for other keys. Errors: permission_denied, with the path.
void save_tuning(const std::string& path, const std::string& key, const Tuning& tuning);

/// At the start of the program: takes what is stored for this machine, unless STRATA_TUNING=off.
void use_stored_tuning();

}  // namespace strata
