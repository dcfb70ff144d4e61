// The configuration file of `strata serve`: TOML.
//
//     port = 8000                 # any option, without its dashes
//     model-memory = "24GiB"
//     [[models]]
//     name = "chat"
//     model = "qwen3-8b"          # path, or name of a pulled model
//     aliases = ["gpt-4o-mini"]
//     pin = true
//     [[keys]]
//     name = "alice"
//     sha256 = "..."              # printf KEY | sha256sum
//     tokens-per-day = 1000000
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "main/serving.h"

namespace strata {

/// Gives `command`'s options the values of the file, where the command line gives none, and adds
/// models and keys to `options`.
/// Errors: not_found; invalid_argument with line and key for what is unknown or has the wrong type.
void read_config_file(const std::string& path, CLI::App& command, ServingOptions& options);

}  // namespace strata
