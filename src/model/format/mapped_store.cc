#include "model/format/mapped_store.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "model/format/byte_reader.h"

namespace strata::model {

std::string_view MappedStore::file_name(size_t i) const {
  return file_names_[i].empty() ? std::string_view(tensors_[i].name) : file_names_[i];
}

const graph::StoredTensor* MappedStore::find(std::string_view name) const {
  auto it = std::lower_bound(by_name_.begin(), by_name_.end(), name, [&](uint32_t i, auto n) {
    return std::string_view(tensors_[i].name) < n;
  });
  if (it != by_name_.end() && tensors_[*it].name == name) return &tensors_[*it];
  for (const UnsupportedTensor& u : unsupported_)
    if (u.name == name)
      fail(Code::unimplemented,
           "{}: tensor '{}' has type {}, which this build cannot compute with; use a file in "
           "another quantisation",
           path_, printable(u.file_name), u.type);
  return nullptr;
}

void MappedStore::release(const graph::StoredTensor& tensor) const {
  if (!tensor.data) return;
  std::less_equal<const uint8_t*> le;
  for (const MappedFile& file : files_) {
    std::span<const uint8_t> bytes = file.bytes();
    if (le(bytes.data(), tensor.data) &&
        le(tensor.data + tensor.bytes, bytes.data() + bytes.size()))
      return file.dont_need(tensor.data - bytes.data(), tensor.bytes);
  }
}

const MappedFile& MappedStore::map(const std::string& path) { return files_.emplace_back(path); }

void MappedStore::add(FoundTensor found, std::string name) {
  graph::StoredTensor& t = found.tensor;
  if (!found.unsupported_type.empty()) {
    unsupported_.push_back({.name = std::move(name),
                            .file_name = std::move(t.name),
                            .type = std::move(found.unsupported_type),
                            .shape = std::move(t.shape)});
    return;
  }
  file_names_.push_back(name == t.name ? std::string() : t.name);
  t.name = std::move(name);
  tensors_.push_back(std::move(t));
}

void MappedStore::index() {
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  auto name = [&](uint32_t i) -> const std::string& { return tensors_[i].name; };
  std::sort(by_name_.begin(), by_name_.end(),
            [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
  for (size_t i = 1; i < by_name_.size(); ++i)
    if (name(by_name_[i - 1]) == name(by_name_[i]))
      fail(Code::data_loss, "{}: two tensors are named '{}' (in the file: '{}' and '{}')", path_,
           printable(name(by_name_[i])), printable(file_name(by_name_[i - 1])),
           printable(file_name(by_name_[i])));
}

std::string_view container(const Store& store) {
  const auto* mapped = dynamic_cast<const MappedStore*>(&store);
  return mapped ? mapped->container() : store.format();
}

}  // namespace strata::model
