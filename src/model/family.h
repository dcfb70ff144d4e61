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

#include "model/hyper.h"

namespace strata::model {

class HfConfig;
class Metadata;

/// Which layers attend to a sliding window when the file does not list them.
enum class WindowRule {
  none,         // no layer (in GGUF: all, if the file has a window; Mistral comes as "llama" there)
  all,          // every layer, if there is a window at all
  upper,        // layers from max_window_layers on, if use_sliding_window
  alternating,  // every layer but each sliding_window_pattern-th
  after_first,  // every layer but the first of each sliding_window_pattern
};

/// Which layers do without rotary embedding.
enum class NoRopeRule {
  none,
  interval,     // each no_rope_layer_interval-th
  global,       // where there is a sliding window, the layers that look beyond it
};

/// Defaults are those of config.json's documentation; GGUF files state their sizes.
struct Family {
  std::string_view name;                // GGUF's general.architecture, and Hyper::arch
  std::vector<std::string_view> hf;     // model_type in config.json

  int n_vocab = 32000, d_model = 4096, d_ff = 11008, n_layer = 32, n_head = 32;
  int d_ff_per_d_model = 0;             // not 0: d_ff is that times d_model where it is not said
  int n_head_kv = 0;                    // 0: n_head
  int d_head = 0;                       // 0: d_model / n_head
  int n_context = 2048;
  Norm norm = Norm::rms;
  double norm_eps = 1e-6;
  bool tied = false;                    // tie_word_embeddings
  kernel::Act act = kernel::Act::silu;
  bool attention = true;                // false: no layer attends; GGUF gives 0 heads, 0 d_ff
  bool mha = false;                     // a key/value head for each head, whatever the file says
  bool parallel = false;                // use_parallel_residual, or always
  bool encoder = false;                 // tokens see each other; pooled instead of predicted
  double alibi_bias_max = 0;            // not 0: ALiBi
  bool learned_positions = false, embedding_norm = false, final_norm = true;

  double rope_theta = 10000;
  double rope_theta_local = 0;          // of sliding-window layers; 0: the same
  bool rope_local_unscaled = false;     // rope scaling is for full-attention layers alone
  double rotated = 1;                   // partial_rotary_factor; 0: positions come otherwise
  bool interleaved_in_gguf = false;     // pairs of rotated dimensions are (2i, 2i+1)
  bool interleaved_in_hf = false;
  NoRopeRule no_rope = NoRopeRule::none;
  int no_rope_interval = 4;

  WindowRule windows = WindowRule::none;
  int window = 0;                       // sliding_window
  int window_pattern = 1;               // sliding_window_pattern

  bool gain_minus_one_in_hf = false;    // norms store gain - 1 (GGUF stores gain)
  bool scaled_embedding = false;        // embeddings times sqrt(d_model)
  double query_scalar = 0;              // query_pre_attn_scalar; 0: the family has none
  int layers_scaled_by_width = 0;  // with so many layers GGUF means query scalar d_model / n_head
  bool unit_attn_scale = false;         // scores are not scaled where the file says nothing
  double attn_softcap = 0, logit_softcap = 0;
  double logit_scale = 1;
  bool divides_logits = false;          // GGUF's logit_scale divides
  int position_offset_in_hf = 0;        // first rows of learned positions that no token uses
  bool qkv_by_group_in_hf = false;      // Hyper::qkv_by_group, Hyper::transposed
  bool transposed_in_hf = false;

  /// Tensors inside a layer that the family names unlike the rest (format/hf_names.cc): HF, ours.
  std::vector<std::pair<std::string_view, std::string_view>> hf_tensors{};

  kernel::Router experts{};             // n_expert 0: the family has none
  Latent latent{};                      // d_v 0: d_model / n_head

  /// What no key above covers, after everything else was read.
  void (*adjust_hf)(const HfConfig& config, Hyper& hyper) = nullptr;
  void (*adjust_gguf)(const Metadata& metadata, Hyper& hyper) = nullptr;
};

/// Null if unknown.
const Family* find_family(std::string_view name);
const Family* find_family_hf(std::string_view model_type);
/// Names of all, for messages: "gemma2, gemma3, llama".
std::string known_families();
std::string known_model_types();

}  // namespace strata::model
