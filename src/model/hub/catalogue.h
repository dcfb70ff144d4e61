// Well-known models by short name.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace strata::model {

struct CatalogueEntry {
  std::string_view name;            // "qwen3-8b"
  std::string_view source;          // a repository: "hf:OWNER/NAME" (source.h)
  std::string_view arch;            // GGUF's general.architecture
  double params_b;                  // parameters, 10^9
  double gb;                        // of the first quantisation, 10^9 bytes
  std::string_view quantisations;   // separated by spaces, the one to take first
  std::string_view licence;         // SPDX, or the publisher's own name for it
};

/// Sorted by name.
std::span<const CatalogueEntry> catalogue();
/// `name` may end in ":QUANTISATION". Null if unknown.
const CatalogueEntry* find_in_catalogue(std::string_view name);
/// The source that `name` stands for, with its quantisation; empty if unknown.
std::string catalogue_source(std::string_view name);

}  // namespace strata::model
