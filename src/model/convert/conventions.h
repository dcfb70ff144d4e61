// Where the two formats keep the same weights differently, for both directions.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/weight.h"
#include "model/hyper.h"

namespace strata::model {

/// What GGUF files of a family do otherwise than its name and tensors there would suggest.
struct GgufHabits {
  std::string_view family;
  std::string_view written_as;   // general.architecture
  bool absorbed = false;         // latent attention's second matrix lies there in two
  bool weights_scaled = false;   // Hyper::multiply and factors like it are in the weights
  bool bare_ffn_norm = false;    // "blk.0.ffn_norm" instead of "blk.0.ffn_norm.weight"
  bool rope_sections = false;    // rotary pairs are shared out over the axes of positions
};
/// Those of most families are their name alone.
GgufHabits gguf_habits(std::string_view family);

/// One model's settings as its Hugging Face files say them and as its GGUF file does.
struct Conventions {
  const Hyper& hf;
  const Hyper& gguf;
  GgufHabits habits;
  int64_t d_ff_expert;   // as the tensors have it
  Conventions(const Hyper& in_hf, const Hyper& in_gguf, const graph::WeightSource& tensors);
};

/// A tensor that both have, of the same name: its rows, columns and values as the other has them.
graph::StoredTensor to_gguf(const graph::StoredTensor& tensor, const Conventions& conventions);
graph::StoredTensor to_hf(const graph::StoredTensor& tensor, const Conventions& conventions);

/// Tensors that GGUF keeps as one: "blk.2.ffn_up.5.weight" is number 5 of
/// "blk.2.ffn_up_exps.weight", "blk.2.attn_q_norm.1.weight" of "blk.2.attn_q_norm.weight".
struct InStack {
  std::string stack;
  int64_t number;
};
std::optional<InStack> in_stack(std::string_view name);

/// A tensor that GGUF keeps as several: the parts' rows are those of the whole, in this order.
/// Each matrix of a turned part is transposed after that.
struct Part {
  std::string name;
  std::vector<int64_t> rows = {};
  std::vector<int64_t> shape = {};   // before it is turned
  bool turned = false;
};
/// By our name of the whole; empty where GGUF has it as it is.
std::vector<Part> parts_of(const std::string& name, const Conventions& conventions);

/// gpt-oss keeps the experts' gate and up by turns in one tensor, matrices as [inputs, outputs].
/// What `name` alternates ("blk.2.ffn_gate_exps.weight" and its like); nothing for other names.
struct Alternating {
  std::string gate, up;
};
std::optional<Alternating> alternating_parts(std::string_view name);

/// A tensor as its Hugging Face file has it, which ends its name there: A's logarithm for A_log,
/// the one input channel of a convolution's taps.
graph::StoredTensor as_in_file(const graph::StoredTensor& tensor, std::string_view file_name);

}  // namespace strata::model
