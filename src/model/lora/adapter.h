// LoRA adapters: low-rank changes of a model's matrices, kept in files of their own.
// Source: arXiv:2106.09685 section 4.1; names and settings: the documentation of PEFT's checkpoints
// and of GGUF adapters.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"
#include "model/store.h"

namespace strata::model {

/// A matrix [out, in] becomes W + scale * b a.
struct LowRank {
  std::string name;         // of the matrix: as the adapter's file has it
  graph::StoredTensor a;    // [rank, in]
  graph::StoredTensor b;    // [out, rank]
  double scale = 1;
};

namespace lora_max {
inline constexpr int64_t kRank = 1 << 14;
inline constexpr size_t kConfigBytes = 1 << 20;
}  // namespace lora_max

/// An adapter's file, mapped. It outlives what it lists.
class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual const std::string& path() const = 0;
  /// GGUF's names, and its order of rows; else Hugging Face's.
  virtual bool in_gguf() const = 0;
  virtual std::span<const LowRank> changes() const = 0;
};

/// A PEFT folder (adapter_config.json beside adapter_model.safetensors or .bin) or a GGUF file.
/// Errors: not_found; data_loss naming a tensor without its other half or of another shape;
/// unimplemented naming a setting (DoRA, trained biases, whole tensors ...) that is more than a
/// product of two matrices.
std::unique_ptr<Adapter> open_adapter(const std::string& path);

}  // namespace strata::model
