// Where in a slice the recurrent state is wanted besides its end.
#pragma once
#include <cstdint>

namespace strata::graph {

/// After the first n_token tokens of a slice its state goes to another slot too: a snapshot for the
/// prefix cache, or a checkpoint to fall back to when speculated tokens are refused.
struct StateMark {
  int n_token = 0;
  int32_t slot = 0;
};

}  // namespace strata::graph
