// From any model file to GGUF or safetensors.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "model/store.h"

namespace strata::model {

struct ConvertOptions {
  std::string type = {};  // a name of type_mix.h; empty: as stored
  int threads = 0;        // <= 0: one a core
  bool tokenizer = true;
  uint64_t shard_bytes = uint64_t{5} << 30;  // of safetensors
  std::function<void(const std::string& tensor, int64_t bytes, int64_t total)> on_progress = {};
};

struct Converted {
  int64_t bytes = 0;  // of tensors written
  int tensors = 0;
  /// Why GGUF has no form for this model; empty: it has. Such a file is read by this program alone.
  std::string carried = {};
};

/// `out` ending in ".gguf": that file. Otherwise a folder in Hugging Face's layout with
/// safetensors, whose matrices are F32, F16 or BF16. Nothing appears under its name before it is
/// whole. Memory: a few rows of one tensor a thread, whatever the model's size. Errors:
/// invalid_argument for an unknown type; unimplemented for what the target cannot express, naming
/// it; those of GgufWriter.
Converted convert(const Store& store, const std::string& out, const ConvertOptions& options);

}  // namespace strata::model
