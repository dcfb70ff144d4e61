// Which element type each tensor of a converted model gets.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/type.h"

namespace strata::model {

/// Layers that a rule is for.
enum class Layers {
  all,
  first_two,
  first_four,
  first_sixteenth,
  first_eighth,
  alternate,  // the first and the last eighth, and every third one between
};

/// The tensor "blk.N.NAME.weight", or "NAME.weight", in these layers.
struct TypeRule {
  std::string_view tensor;
  Layers layers;
  kernel::Type type;
};

/// A named choice: one type for most matrices, rules for those that lose more by it. The rules are
/// those that GGUF files of these names were made with, so that sizes and losses compare.
struct TypeMix {
  std::string_view name;  // "q4_k_m"
  kernel::Type base;
  int file_type;  // general.file_type of GGUF
  std::vector<TypeRule> rules = {};
};

/// By name, case-insensitive; a block format's own name stands for its usual mix ("q4_k").
const TypeMix* find_type_mix(std::string_view name);
std::string type_mix_names();

/// A tensor to choose for. `head`: it is the output matrix, also where that is the embedding.
struct TypeChoice {
  std::string_view name;
  std::span<const int64_t> shape;
  int layer = -1, n_layer = 0;
  bool head = false;
};
/// Vectors and what decides about others (routers, positions, states) are F32 in GGUF, whatever the
/// rest is: programs that read it compute with them in float32.
bool always_f32(std::string_view name, std::span<const int64_t> shape);
/// Vectors and what decides about others (routers, positions, states) stay F32; rows that the
/// blocks of a type do not divide get the next finer type that they do.
kernel::Type choose_type(const TypeMix& mix, const TypeChoice& tensor);

}  // namespace strata::model
