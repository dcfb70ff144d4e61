// How a loaded model presents itself: its name, limits and fingerprint.
#pragma once
#include <string>

#include "fleet/backend.h"

namespace strata::fleet {

struct ModelCard {
  ModelCard(const Backend::Info& info, std::string name);

  std::string name;                   // in answers
  std::string path;
  int n_vocab = 0, max_model_len = 0;
  std::string fingerprint;            // of build and model: answers may differ when it does
};

}  // namespace strata::fleet
