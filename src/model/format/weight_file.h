// Files that hold named tensors and say nothing of the model: safetensors, PyTorch, ONNX and so on.
// One format a file of this folder; what surrounds them (folders, shards, names) is common (hf.cc).
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/registry.h"
#include "model/format/found_tensor.h"

namespace strata::model {

/// Maps a file for the life of the store. Errors: those of MappedFile.
using MapFile = std::function<std::span<const uint8_t>(const std::string& path)>;

struct WeightFormat {
  std::string_view name;                          // "pytorch"
  int order = 0;                                  // which one a folder with several is read as
  std::vector<std::string_view> indices = {};     // JSON files that list shards
  std::vector<std::string_view> files = {};       // names in a folder, the preferred first
  std::vector<std::string_view> extensions = {};  // of a file given by itself
  /// Tensors by the file's names. May map files beside it. Errors: data_loss, unimplemented.
  std::vector<FoundTensor> (*read)(const std::string& path, const MapFile& map) = nullptr;
  /// To Hugging Face's names and layouts, where the format's framework has its own; null: none.
  void (*to_hf)(std::vector<FoundTensor>& tensors) = nullptr;
};

using WeightFormats = Registry<WeightFormat>;

/// Null if the name has no known extension.
const WeightFormat* weight_format_of(std::string_view file_name);

}  // namespace strata::model
