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
  int rope = graph::kNone;  // index of the rotary embedding of this layer in the graph, if any
  std::string operator()(std::string_view name) const {
    return "blk." + std::to_string(index) + "." + std::string(name);
  }
  int window() const { return h.window.empty() ? 0 : h.window[index]; }
};

struct Arch {
  std::string_view name;  // general.architecture of GGUF; Hyper::arch
  /// x [tokens, d_model] -> [tokens, d_model]
  graph::Tensor (*block)(graph::Graph& g, const Layer& layer, graph::Tensor x);
};

struct BuildOptions {
  int context = 0;                  // positions that will be used; 0: the trained ones
  Pooling pooling = Pooling::none;  // one vector a sequence (rank: scores) instead of logits
};
/// Embedding, blocks, final norm and head: everything around the blocks is common.
/// Errors: data_loss naming a missing or misshapen tensor; unimplemented for an unknown
/// architecture; invalid_argument for logits of an encoder.
graph::Graph build_graph(const Arch& arch, const Hyper& hyper, const graph::WeightSource& source,
                         const BuildOptions& options = {});

/// Names of all registered architectures, sorted, for messages and docs.
std::string arch_names();

// Pieces that many architectures share. `y` is normalised already.

/// The model's norm (Hyper::norm) with its epsilon.
graph::Tensor norm(graph::Graph& g, const Layer& layer, graph::Tensor x, std::string_view weight);
/// x + residual_scale * y.
graph::Tensor residual(graph::Graph& g, const Layer& layer, graph::Tensor x, graph::Tensor y);

/// Norm of queries and keys: of every head, before or after the rotary embedding, or of all heads
/// as one vector.
enum class QkNorm { none, heads, heads_after_rope, whole };
/// QkNorm::heads where the file has the gains: a choice of the family's models.
QkNorm qk_norm_if_stored(const graph::Graph& g, const Layer& layer);

struct AttentionForm {
  QkNorm qk_norm = QkNorm::none;
};
graph::Tensor attention(graph::Graph& g, const Layer& layer, graph::Tensor y,
                        AttentionForm form = {});
/// down(act(gate(y)) * up(y)). Source: arXiv:2002.05202.
graph::Tensor gated_mlp(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// The layer's experts (Hyper::experts) where the file has a router for it, else its gated MLP.
graph::Tensor feed_forward(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// Attention over one latent row a token (Hyper::latent), in absorbed form: the cache holds nothing
/// else. Source: arXiv:2405.04434 section 2.1.
graph::Tensor latent_attention(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// down(act(up(y))).
graph::Tensor mlp(graph::Graph& g, const Layer& layer, graph::Tensor y);

// Whole blocks that several families have.

/// Llama's: x + attention(norm(x)), then x + feed_forward(norm(x)). Source: arXiv:2302.13971.
graph::Tensor pre_norm_block(graph::Graph& g, const Layer& layer, graph::Tensor x);
graph::Tensor pre_norm_block(graph::Graph& g, const Layer& layer, graph::Tensor x, QkNorm qk_norm);
/// DeepSeek-V2's: the same with latent attention.
graph::Tensor latent_block(graph::Graph& g, const Layer& layer, graph::Tensor x);
/// GPT-2's: the same with an MLP without a gate.
graph::Tensor pre_norm_mlp_block(graph::Graph& g, const Layer& layer, graph::Tensor x);
/// Command R's: x + attention(norm(x)) + gated_mlp(norm(x)), one norm for both, query and key norms
/// where stored.
graph::Tensor parallel_block(graph::Graph& g, const Layer& layer, graph::Tensor x);
/// GPT-J's: the same with an MLP without a gate.
graph::Tensor parallel_mlp_block(graph::Graph& g, const Layer& layer, graph::Tensor x);
/// BERT's: sums are normalised, so that every row of the stream is. The MLP has a gate where one is
/// stored. Source: arXiv:1810.04805.
graph::Tensor norm_behind_block(graph::Graph& g, const Layer& layer, graph::Tensor x);
/// OLMo 2's: each half's result is normalised, not its input. Source: arXiv:2501.00656 section 3.
graph::Tensor post_norm_block(graph::Graph& g, const Layer& layer, graph::Tensor x, QkNorm qk_norm);
/// Gemma 2's: both are. Source: arXiv:2408.00118 section 2.
graph::Tensor sandwich_block(graph::Graph& g, const Layer& layer, graph::Tensor x, QkNorm qk_norm);

}  // namespace strata::model
