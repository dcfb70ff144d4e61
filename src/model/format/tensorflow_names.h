// What TensorFlow and Keras call the variables of models that Hugging Face's checkpoints hold too.
// Source: convert_tf_weight_name_to_pt_weight_name of transformers (modeling_tf_pytorch_utils).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

/// A variable's name in Hugging Face's spelling.
struct TensorFlowName {
  std::string name;         // empty: no weight of the model (optimiser slots, counters)
  bool transposed = false;  // a matrix is [inputs, outputs]
};
TensorFlowName tensorflow_to_hf(std::string_view name, size_t dims);

/// Renames and turns all; those that are no weights go.
void tensorflow_to_hf(std::vector<FoundTensor>& tensors);

}  // namespace strata::model
