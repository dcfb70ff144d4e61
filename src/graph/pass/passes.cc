#include "graph/pass.h"

namespace strata::graph {

std::span<const Pass> passes(bool exact) {
  static constexpr Pass all[] = {{"fuse_attention_input", fuse_attention_input},
                                 {"fuse_glu", fuse_glu},
                                 {"fuse_activation", fuse_activation},
                                 {"fuse_linear", fuse_linear},
                                 {"fuse_residual", fuse_residual},
                                 {"quantise_input", quantise_input}};
  const std::span<const Pass> span(all);
  return exact ? span.first(span.size() - 1) : span;
}

}  // namespace strata::graph
