// Where threads meet: the one rule that the executor follows and `strata inspect --graph` counts.
#pragma once
#include "base/tuning.h"
#include "graph/graph.h"

namespace strata::graph {

/// Does every thread quantise a linear's input into memory of its own? For few rows the copy is
/// cheaper than the barrier that sharing would need (docs/adr/0007-private-quantisation.md).
inline bool privately(int64_t rows) { return rows <= tuning().private_rows; }

/// Does the node make records that each thread may make for itself?
bool quantises(const Graph& graph, const Node& node);

/// Must all threads meet after the node, in a step of `rows` rows? Not when each thread made its
/// own copy of everything that later nodes read.
bool barrier_after(const Graph& graph, const Node& node, int64_t rows);

/// Query tokens that one task of attention takes: they reuse a head's K and V while in cache.
inline constexpr int kAttentionTaskTokens = 32;

/// Barriers of a step with so many rows of one sequence, those inside of nodes included. Attention
/// has one between storing keys and values and reading them, unless each task stores what it alone
/// reads: a sequence's rows in one task. (Long sequences, whose positions are split over threads,
/// take that and one more.) Experts: between choosing, gate and up, and down.
int barriers(const Graph& graph, int64_t rows);

}  // namespace strata::graph
