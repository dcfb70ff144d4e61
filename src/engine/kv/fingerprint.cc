#include "engine/kv/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/level.h"
#include "model/hub/sha256.h"

namespace strata::engine {

std::string kv_fingerprint(const model::Model& model, const EngineOptions& options) {
  constexpr size_t kSample = 4096, kSamples = 3;
  model::Sha256 hash;
  constexpr int kLayout = 3;   // of blocks: one more whenever kernel/kv.h or graph/kv_pages.h does
  hash.add(fmt::format("{} {} {} {} {} {}", kLayout, model.hyper.arch,
                       static_cast<int>(options.precision), options.kv_cache_dtype,
                       options.kv_by_window, kernel::isa_name(kernel::isa_level())));
  for (const graph::StoredTensor& t : model.store->tensors()) {
    hash.add(fmt::format("{} {} {} {}\n", t.name, static_cast<int>(t.type), t.bytes,
                         fmt::join(t.shape, "x")));
    const size_t size = std::min(kSample, t.bytes);
    for (size_t i = 0; i < kSamples && t.data; ++i) {
      const size_t at = (t.bytes - size) / (kSamples - 1) * i;
      hash.add({reinterpret_cast<const char*>(t.data) + at, size});
    }
  }
  return hash.finish();
}

}  // namespace strata::engine
