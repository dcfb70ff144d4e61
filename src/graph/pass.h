// Passes: each rewrites a graph into an equivalent one that runs faster. One a file in pass/.
#pragma once
#include <span>
#include <string_view>

#include "graph/graph.h"

namespace strata::graph {

/// Per-head norm and rotary embedding of q and k move into the attention node that reads them: one
/// pass over q and k, and k goes straight to the cache.
void fuse_attention_input(Graph& graph);
/// glu(linear(x, gate), linear(x, up)) becomes linear_glu(x): each thread activates the rows it
/// made.
void fuse_glu(Graph& graph);
/// activate(linear(x)) becomes one node: each thread activates the rows it made.
void fuse_activation(Graph& graph);
/// Linears that read the same value become one node with several weights (QKV): one hand-out of
/// work, one barrier.
void fuse_linear(Graph& graph);
/// add(x, f(y)) with f a linear, experts or a norm becomes f(y) + residual x, in x's memory.
void fuse_residual(Graph& graph);
/// Inputs of block-quantised linears are quantised to int8 records once, by the norm that makes
/// them or by a quantise node of their own. Left out in exact precision.
void quantise_input(Graph& graph);

struct Pass {
  std::string_view name;
  void (*run)(Graph&);
};
/// In the order in which they run. `exact`: activations stay in float32.
std::span<const Pass> passes(bool exact);

}  // namespace strata::graph
