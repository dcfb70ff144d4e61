// A model's files as named tensors and metadata, whatever the format.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/weight.h"
#include "model/format/value.h"

namespace strata::model {

/// A tensor in the file whose element type this build cannot compute with.
struct UnsupportedTensor {
  std::string name, file_name;
  std::string type;             // as the format calls it: "IQ2_XS", "I64"
  std::vector<int64_t> shape;   // outermost first
};

/// Tensor names are ours (GGUF's) whatever the file calls them; the file's own name is kept beside.
class Store : public graph::WeightSource {
 public:
  /// "gguf" or "hf" (config.json + safetensors).
  virtual std::string_view format() const = 0;
  virtual const std::string& path() const = 0;
  /// GGUF key-value pairs; empty for "hf", whose settings are in its side files.
  virtual const Metadata& metadata() const = 0;
  virtual std::span<const graph::StoredTensor> tensors() const = 0;
  /// The name in the file of tensors()[i].
  virtual std::string_view file_name(size_t i) const = 0;
  /// Tensors that are listed but cannot be used. find() of such a name throws unimplemented, so
  /// that a model that does not need them still loads.
  virtual std::span<const UnsupportedTensor> unsupported() const = 0;
  /// Content of a side file of an "hf" folder (config.json, tokenizer.json ...); empty if absent.
  /// Errors: too_large over 256 MiB.
  virtual std::string side_file(std::string_view name) const = 0;
  /// Bytes of all tensors.
  size_t total_bytes() const;
};

/// What the tensors of one element type add up to.
struct TypeSize {
  kernel::Type type;
  int tensors = 0;
  int64_t elements = 0;
  size_t bytes = 0;
};
/// Largest first.
std::vector<TypeSize> sizes_by_type(const Store& store);

/// A registered file format.
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
