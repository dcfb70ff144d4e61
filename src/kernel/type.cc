#include "kernel/type.h"

#include <array>

#include "base/check.h"
#include "kernel/half.h"
#include "kernel/quant/format.h"

namespace strata::kernel {
namespace {

using quant::Format;
using Formats = std::array<const Format*, kTypeCount>;

const Formats& formats() {
  static const Formats all = [] {
    Formats by_type{};
    quant::FormatFile::each([&](const Format& f) { by_type[size_t(f.type)] = &f; });
    for (const Format* f : by_type) STRATA_CHECK(f);
    return by_type;
  }();
  return all;
}

char upper(char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; }

bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (upper(a[i]) != upper(b[i])) return false;
  return true;
}

const Format& format(Type type) { return *formats()[size_t(type)]; }

}  // namespace

const Format& quant::format_of(Type type) { return format(type); }

const TypeInfo& info(Type type) { return format(type); }

std::optional<Type> type_from_ggml(int ggml_id) {
  for (const Format* f : formats())
    if (f->ggml_id == ggml_id) return f->type;
  return {};
}

std::optional<Type> type_from_name(std::string_view name) {
  for (const Format* f : formats())
    if (same(f->name, name)) return f->type;
  return {};
}

size_t row_bytes(Type type, int64_t cols) {
  const Format& f = format(type);
  STRATA_CHECK(cols >= 0 && cols % f.block == 0);
  return size_t(cols / f.block) * size_t(f.bytes);
}

void to_f32(Type type, const void* row, int64_t n, float* out) {
  const Format& f = format(type);
  STRATA_CHECK(n % f.block == 0);
  f.to_f32(static_cast<const uint8_t*>(row), n / f.block, out);
}

bool has_quantiser(Type type) { return format(type).from_f32; }

bool from_f32(Type type, const float* values, int64_t n, void* row) {
  const Format& f = format(type);
  STRATA_CHECK(n % f.block == 0);
  if (!f.from_f32) return false;
  f.from_f32(values, n / f.block, static_cast<uint8_t*>(row));
  return true;
}

float f16_to_f32(uint16_t h) { return half::from_f16(h); }
uint16_t f32_to_f16(float f) { return half::to_f16(f); }
float bf16_to_f32(uint16_t h) { return half::from_bf16(h); }
uint16_t f32_to_bf16(float f) { return half::to_bf16(f); }

}  // namespace strata::kernel
