// A model's files as named tensors and metadata, whatever the format.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "graph/weight.h"
#include "model/format/value.h"

namespace strata::model {

/// Tensor names are ours (GGUF's) whatever the file calls them; the file's own name is kept beside.
class Store : public graph::WeightSource {
 public:
  /// "gguf" or "hf" (config.json + safetensors).
  virtual std::string_view format() const = 0;
  virtual const std::string& path() const = 0;
  /// GGUF key-value pairs; for "hf" empty but for what the tokenizer files give.
  virtual const Metadata& metadata() const = 0;
  virtual std::span<const graph::StoredTensor> tensors() const = 0;
  /// The name in the file of tensors()[i].
  virtual std::string_view file_name(size_t i) const = 0;
  /// Content of a side file of an "hf" folder (config.json, tokenizer.json ...); empty if absent.
  virtual std::string side_file(std::string_view name) const = 0;
  /// Bytes of all tensors.
  size_t total_bytes() const;
};

/// A registered file format: one file each in model/format.
struct Format {
  std::string_view name;
  /// Does this path (file or folder) look like mine? Reads at most a few bytes.
  bool (*detect)(const std::string& path);
  std::unique_ptr<Store> (*open)(const std::string& path);
};

/// Errors: not_found, permission_denied; data_loss with file, offset and field for a corrupt file;
/// unimplemented naming the type or version.
std::unique_ptr<Store> open_store(const std::string& path);

}  // namespace strata::model
