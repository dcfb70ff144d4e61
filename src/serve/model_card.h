// How the served model presents itself: its names, limits and fingerprint.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "serve/backend.h"

namespace strata::serve {

struct ModelCard {
  std::vector<std::string> names;     // what clients may ask for and /v1/models lists
  std::vector<std::string> aliases;   // also understood: the file's name and path
  std::string path;
  int n_vocab = 0, max_model_len = 0;
  int64_t created = 0;                // Unix time of the start
  std::string fingerprint;            // of build and model: answers may differ when it does

  ModelCard(const Backend::Info& info, const std::vector<std::string>& served_names);

  const std::string& name() const { return names.front(); }
  /// Empty is the one there is. Errors: not_found, reason "model_not_found", naming those there
  /// are.
  void require(std::string_view model) const;
};

}  // namespace strata::serve
