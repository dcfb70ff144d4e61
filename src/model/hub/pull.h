// A whole model, from wherever it is into the library.
#pragma once
#include <string>

#include "model/hub/download.h"

namespace strata::model {

struct PullOptions {
  std::string name = {};       // in the library; empty: the file's or repository's own
  OnProgress on_progress = {};
  double backoff_s = 1;        // Download::backoff_s
};

struct Pulled {
  std::string name = {}, path = {};
  int64_t bytes = 0;
  bool was_there = false;      // nothing had to be fetched
};

/// `source` as in PullSource. Local files are hard links where the file system allows it, else
/// copies. A model that is complete in the library is left alone.
/// Errors: those of parse_source, list_files, choose_files and download; already_exists when the
/// name is another model's; data_loss when a fetched file is not a GGUF file.
Pulled pull(const std::string& source, const PullOptions& options);

}  // namespace strata::model
