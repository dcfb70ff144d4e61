// What the stores over memory-mapped files share: the tensor list and its look-up by name.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "model/format/found_tensor.h"
#include "model/store.h"

namespace strata::model {

class MappedStore : public Store {
 public:
  explicit MappedStore(std::string path) : path_(std::move(path)) {}

  /// What holds the weights: "gguf", "safetensors", "pytorch" ...
  virtual std::string_view container() const { return format(); }
  const std::string& path() const override { return path_; }
  const Metadata& metadata() const override { return metadata_; }
  std::span<const graph::StoredTensor> tensors() const override { return tensors_; }
  std::string_view file_name(size_t i) const override;
  std::span<const UnsupportedTensor> unsupported() const override { return unsupported_; }
  std::string side_file(std::string_view) const override { return {}; }

  const graph::StoredTensor* find(std::string_view name) const override;
  void release(const graph::StoredTensor& tensor) const override;

 protected:
  /// The file stays mapped, at one place, for the life of the store.
  const MappedFile& map(const std::string& path);
  /// `name` is ours; the tensor's own is the file's.
  void add(FoundTensor found, std::string name);
  /// Call once after the last add. Errors: data_loss when two tensors have one name.
  void index();

  Metadata metadata_;

 private:
  std::string path_;
  std::deque<MappedFile> files_;
  std::vector<graph::StoredTensor> tensors_;
  std::vector<std::string> file_names_;  // empty where equal to ours
  std::vector<UnsupportedTensor> unsupported_;
  std::vector<uint32_t> by_name_;  // indices of tensors_, sorted by name
};

/// What holds the weights of a store: MappedStore::container, or its format.
std::string_view container(const Store& store);

}  // namespace strata::model
