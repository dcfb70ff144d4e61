// Token mixers that keep a state, for arch/. `y` is normalised already; each ends with its output
// projection, so that the caller adds the residual.
#pragma once
#include "model/arch.h"

namespace strata::model {

/// Mamba: gated convolution and selective scan. Source: arXiv:2312.00752 figure 3.
graph::Tensor mamba(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// Mamba-2, with Falcon-H1's factors where the model has them. Source: arXiv:2405.21060 section 7.
graph::Tensor mamba2(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// Gated delta net. Source: arXiv:2412.06464 section 3.4.
graph::Tensor gated_delta_net(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// Gated short convolution: out(C * conv(B * x)). Source: LFM2's reference code.
graph::Tensor short_conv(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// Attention with QK norms whose output is multiplied by sigmoid(gate); query and gate of a head
/// share a projection. Source: Qwen3-Next's reference code.
graph::Tensor gated_attention(graph::Graph& g, const Layer& layer, graph::Tensor y);
/// Qwen3-Next's alternation: gated delta nets, every few layers gated attention.
graph::Tensor delta_or_attention(graph::Graph& g, const Layer& layer, graph::Tensor y);

}  // namespace strata::model
