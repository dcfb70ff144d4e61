#include "model/store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/registry.h"

namespace strata::model {

size_t Store::total_bytes() const {
  size_t total = 0;
  for (const graph::StoredTensor& t : tensors()) total += t.bytes;
  return total;
}

std::vector<TypeSize> sizes_by_type(const Store& store) {
  std::vector<TypeSize> sizes;
  for (const graph::StoredTensor& t : store.tensors()) {
    auto it = std::find_if(sizes.begin(), sizes.end(),
                           [&](const TypeSize& s) { return s.type == t.type; });
    if (it == sizes.end()) it = sizes.insert(sizes.end(), TypeSize{.type = t.type});
    ++it->tensors;
    it->elements += t.elements();
    it->bytes += t.bytes;
  }
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const TypeSize& a, const TypeSize& b) { return a.bytes > b.bytes; });
  return sizes;
}

std::unique_ptr<Store> open_store(const std::string& path) {
  std::error_code error;
  std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error == std::errc::permission_denied)
    fail(Code::permission_denied, "{}: {}", path, error.message());
  if (error || status.type() == std::filesystem::file_type::not_found)
    fail(Code::not_found, "{}: no such file or folder", path);

  const Format* found = nullptr;
  Registry<Format>::each([&](const Format& f) {
    if (!found && f.detect(path)) found = &f;
  });
  if (!found)
    fail(Code::unimplemented,
         "{}: not a model file this build can read; give a GGUF file, a file of weights "
         "(.safetensors, .bin, .pt, ...) or a folder with config.json and weights",
         path);
  return found->open(path);
}

}  // namespace strata::model
