// An architecture: one function that declares a block of the decoder. One file each in arch/.
#pragma once
#include <string>
#include <string_view>

#include "base/registry.h"
#include "graph/graph.h"
#include "model/hyper.h"

namespace strata::model {

/// What a block is built with: hyper-parameters, its index, and names of its weights.
struct Layer {
  const Hyper& h;
  int index = 0;
  int rope = 0;         // index of the rotary embedding of this layer in the graph
  std::string operator()(std::string_view name) const {
    return "blk." + std::to_string(index) + "." + std::string(name);
  }
  int window() const { return h.window.empty() ? 0 : h.window[index]; }
};

struct Arch {
  std::string_view name;   // general.architecture of GGUF; Hyper::arch
  /// x [tokens, d_model] -> [tokens, d_model]
  graph::Tensor (*block)(graph::Graph& g, const Layer& layer, graph::Tensor x);
};

/// Embedding, blocks, final norm and head: everything around the blocks is common.
/// Errors: data_loss naming a missing or misshapen tensor; unimplemented for an unknown
/// architecture.
graph::Graph build_graph(const Arch& arch, const Hyper& hyper, const graph::WeightSource& source);

/// Names of all registered architectures, sorted, for messages and docs.
std::string arch_names();

/// Pieces that many architectures share. `y` is normalised already.
struct AttentionForm {
  bool qk_norm = false;    // RMSNorm of every query and key head before the rotary embedding
};
graph::Tensor attention(graph::Graph& g, const Layer& layer, graph::Tensor y,
                        AttentionForm form = {});
/// down(act(gate(y)) * up(y)). Source: arXiv:2002.05202.
graph::Tensor gated_mlp(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// RMSNorm with the model's epsilon.
graph::Tensor norm(graph::Graph& g, const Layer& layer, graph::Tensor x, std::string_view weight);

}  // namespace strata::model
