#include "engine/narrow_weights.h"

#include "kernel/level.h"

namespace strata::engine {

using graph::StoredTensor;

bool NarrowWeights::pays() {
  return kernel::isa_level() == kernel::Isa::avx512_bf16;
}

const StoredTensor* NarrowWeights::find(std::string_view name) const {
  if (const auto it = narrow_.find(name); it != narrow_.end()) return &it->second;
  const StoredTensor* t = source_.find(name);
  const bool matrix = t && t->type == kernel::Type::f32 && t->shape.size() == 2 &&
                      name.starts_with("blk.") && name.ends_with(".weight");
  if (!matrix) return t;
  StoredTensor narrow{.name = t->name, .type = kernel::Type::bf16, .shape = t->shape};
  narrow.bytes = kernel::row_bytes(narrow.type, narrow.elements());
  narrow.make = [t](int64_t begin, int64_t end, uint8_t* out) {
    std::vector<uint8_t> room;
    const auto* rows = reinterpret_cast<const float*>(graph::rows_of(*t, begin, end, room));
    kernel::from_f32(kernel::Type::bf16, rows, (end - begin) * t->cols(), out);
  };
  return &narrow_.emplace(name, std::move(narrow)).first->second;
}

void NarrowWeights::release(const StoredTensor& tensor) const {
  const StoredTensor* stored = source_.find(tensor.name);
  source_.release(stored ? *stored : tensor);
}

}  // namespace strata::engine
