// The entry points of the fuzzers: any bytes either parse or throw an Error that blames the file.
#pragma once
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "model/format/gguf.h"
#include "model/format/hdf5.h"
#include "model/format/hf_config.h"
#include "model/format/mindspore.h"
#include "model/format/onnx.h"
#include "model/format/pytorch.h"
#include "model/format/safetensors.h"
#include "model/format/tensor_bundle.h"
#include "model/hyper.h"
#include "model/hyper_read.h"

namespace strata::model::testing {

/// True if `parse` returned, false if it blamed the input. Any other exception passes through.
template <class F>
bool accepts(F&& parse) {
  try {
    parse();
    return true;
  } catch (const Error& e) {
    STRATA_CHECK(e.code() == Code::data_loss || e.code() == Code::unimplemented ||
                 e.code() == Code::too_large);
    return false;
  }
}

inline constexpr size_t kTouchedMax = 1 << 22;  // of a tensor that is made

/// Reads every byte that a usable tensor claims, which a sanitizer checks.
inline void touch(const std::vector<FoundTensor>& tensors) {
  uint64_t sum = 0;
  for (const FoundTensor& f : tensors)
    if (f.tensor.data && f.unsupported_type.empty()) {
      sum = std::accumulate(f.tensor.data, f.tensor.data + f.tensor.bytes, sum);
    } else if (f.tensor.make && f.tensor.bytes < kTouchedMax) {
      std::vector<uint8_t> made(f.tensor.bytes);
      f.tensor.make(0, f.tensor.rows(), made.data());
      sum = std::accumulate(made.begin(), made.end(), sum);
    }
  asm volatile("" : : "r"(sum));  // the reads must happen
}

inline void use(const Hyper& hyper) {
  check_hyper(hyper);
  for (const Rope* rope : {&hyper.rope, &hyper.rope_local}) {
    const RopeTable table(*rope);
    std::vector<float> cos(table.half()), sin(table.half());
    table.row(hyper.n_context - 1, cos.data(), sin.data());
  }
}

inline bool accepts_gguf(std::span<const uint8_t> bytes) {
  return accepts([&] {
    const GgufFile file = parse_gguf(bytes, "fuzz.gguf");
    touch(file.tensors);
    use(read_hyper_gguf(file.metadata, 0, {}));
  });
}

inline bool accepts_safetensors(std::span<const uint8_t> bytes) {
  return accepts([&] { touch(parse_safetensors(bytes, "fuzz.safetensors")); });
}

inline bool accepts_pytorch(std::span<const uint8_t> bytes) {
  return accepts([&] { touch(parse_pytorch(bytes, "fuzz.bin")); });
}

/// Data files beside an index, which stay as they are.
inline MapFile beside(std::span<const uint8_t> data) {
  return [data](const std::string&) { return data; };
}

inline bool accepts_hdf5(std::span<const uint8_t> bytes) {
  return accepts([&] { touch(parse_hdf5(bytes, "fuzz.h5")); });
}
inline bool accepts_mindspore(std::span<const uint8_t> bytes) {
  return accepts([&] { touch(parse_mindspore(bytes, "fuzz.ckpt")); });
}
inline bool accepts_onnx(std::span<const uint8_t> bytes, std::span<const uint8_t> data) {
  return accepts([&] { touch(parse_onnx(bytes, "fuzz.onnx", beside(data))); });
}
inline bool accepts_tensor_bundle(std::span<const uint8_t> bytes, std::span<const uint8_t> data) {
  return accepts([&] { touch(parse_tensor_bundle(bytes, "fuzz.index", beside(data))); });
}

inline bool accepts_hf_config(std::string_view text) {
  return accepts([&] { use(read_hyper_hf(HfConfig(text, "config.json"))); });
}

inline bool accepts_safetensors_index(std::string_view text) {
  return accepts([&] { parse_weight_index(text, "model.safetensors.index.json"); });
}

}  // namespace strata::model::testing
