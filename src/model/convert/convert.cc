#include "model/convert/convert.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "model/convert/gguf_form.h"
#include "model/convert/safetensors_folder.h"
#include "model/convert/stream.h"
#include "model/convert/type_mix.h"
#include "model/format/gguf_writer.h"

namespace strata::model {
namespace {

constexpr uint32_t kQuantisationVersion = 2;

const TypeMix* mix_of(const ConvertOptions& options) {
  if (options.type.empty()) return nullptr;
  if (const TypeMix* mix = find_type_mix(options.type)) return mix;
  fail(Code::invalid_argument, "unknown type '{}'; there are {}", options.type, type_mix_names());
}

/// N of "blk.N.x", -1 outside the layers.
int layer_of(std::string_view name) {
  int layer = -1;
  if (name.starts_with("blk.")) std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  return layer;
}

kernel::Type target(const TypeMix* mix, const graph::StoredTensor& t, int n_layer, bool tied) {
  if (!mix)
    return always_f32(t.name, t.shape) && !kernel::info(t.type).quantised ? kernel::Type::f32
                                                                          : t.type;
  return choose_type(*mix, {.name = t.name,
                            .shape = t.shape,
                            .layer = layer_of(t.name),
                            .n_layer = n_layer,
                            .head = tied && t.name == "token_embd.weight"});
}

Converted write_gguf(const Store& store, const std::string& path, const ConvertOptions& options) {
  const TypeMix* mix = mix_of(options);
  GgufForm form = gguf_form(store, {.tokenizer = options.tokenizer});
  std::sort(form.tensors.begin(), form.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(layer_of(a.name), a.name) < std::pair(layer_of(b.name), b.name);
  });
  int n_layer = 0;
  bool tied = true;
  for (const auto& t : form.tensors) {
    n_layer = std::max(n_layer, layer_of(t.name) + 1);
    tied &= t.name != "output.weight";
  }
  GgufWriter out(path);
  for (const auto& [key, value] : form.metadata.values) out.add(key, value);
  if (mix) out.add_u32("general.file_type", mix->file_type);
  out.add_u32("general.quantization_version", kQuantisationVersion);
  std::vector<kernel::Type> types;
  int64_t total = 0;
  for (const auto& t : form.tensors) {
    types.push_back(target(mix, t, n_layer, tied));
    total += static_cast<int64_t>(kernel::row_bytes(types.back(), t.cols())) * t.rows();
    out.declare(t.name, types.back(), t.shape);
  }
  out.begin();
  ThreadPool pool({.threads = options.threads});
  Converted done{.tensors = static_cast<int>(form.tensors.size()), .carried = form.carried};
  for (size_t i = 0; i < form.tensors.size(); ++i) {
    const graph::StoredTensor& t = form.tensors[i];
    stream(t, store, types[i], pool, [&](std::span<const uint8_t> bytes) {
      out.write(bytes);
      done.bytes += static_cast<int64_t>(bytes.size());
      if (options.on_progress) options.on_progress(t.name, done.bytes, total);
    });
    if (const graph::StoredTensor* stored = store.find(t.name)) store.release(*stored);
  }
  out.finish();
  return done;
}

}  // namespace

Converted convert(const Store& store, const std::string& out, const ConvertOptions& options) {
  return out.ends_with(".gguf") ? write_gguf(store, out, options)
                                : write_safetensors_folder(store, out, options);
}

}  // namespace strata::model
