// What the files of a model family leave unsaid: the publisher's defaults and the conventions of
// the two formats. One row a family, in its file in arch/; everything else is read uniformly.
// Sources of the rows: the configuration classes documented with transformers, and what GGUF files
// of the family say.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/ops.h"

namespace strata::model {

/// Which layers attend to a sliding window when the file does not list them.
enum class WindowRule {
  none,         // no layer (in GGUF: all, if the file has a window; Mistral comes as "llama" there)
  all,          // every layer, if there is a window at all
  upper,        // layers from max_window_layers on, if use_sliding_window
  alternating,  // every layer but each sliding_window_pattern-th
};

/// Defaults are those of config.json's documentation; GGUF files state their sizes.
struct Family {
  std::string_view name;                // GGUF's general.architecture, and Hyper::arch
  std::vector<std::string_view> hf;     // model_type in config.json

  int n_vocab = 32000, d_model = 4096, d_ff = 11008, n_layer = 32, n_head = 32;
  int n_head_kv = 0;                    // 0: n_head
  int d_head = 0;                       // 0: d_model / n_head
  int n_context = 2048;
  double norm_eps = 1e-6;
  bool tied = false;                    // tie_word_embeddings
  kernel::Act act = kernel::Act::silu;

  double rope_theta = 10000;
  double rope_theta_local = 0;          // of sliding-window layers; 0: the same
  bool interleaved_in_gguf = false;     // GGUF permutes the rows of Q and K into pairs (2i, 2i+1)

  WindowRule windows = WindowRule::none;
  int window = 0;                       // sliding_window
  int window_pattern = 1;               // sliding_window_pattern

  bool gain_minus_one_in_hf = false;    // norms store gain - 1 (GGUF stores gain)
  bool scaled_embedding = false;        // embeddings times sqrt(d_model)
  double query_scalar = 0;              // query_pre_attn_scalar; 0: the family has none
  int layers_scaled_by_width = 0;  // with so many layers GGUF means query scalar d_model / n_head
  double attn_softcap = 0, logit_softcap = 0;

  /// Tensors inside a layer that the family names unlike the rest (format/hf_names.cc): HF, ours.
  std::vector<std::pair<std::string_view, std::string_view>> hf_tensors{};
};

/// Null if unknown.
const Family* find_family(std::string_view name);
const Family* find_family_hf(std::string_view model_type);
/// Names of all, for messages: "gemma2, gemma3, llama".
std::string known_families();
std::string known_model_types();

}  // namespace strata::model
