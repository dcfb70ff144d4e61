// Hyper-parameters, read uniformly from GGUF metadata or config.json.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "kernel/ops.h"
#include "kernel/router.h"

namespace strata::model {

class Store;

enum class RopeScaling { none, linear, dynamic, yarn, longrope, llama3 };

/// Rotary embedding. Sources: arXiv:2104.09864; linear arXiv:2306.15595; yarn arXiv:2309.00071;
/// longrope arXiv:2402.13753; dynamic (NTK-aware) and llama3: the publishers' reference code.
struct Rope {
  int d = 0;                   // rotated dimensions of a head, the first of it; 0: not rotated
  double theta = 10000;
  bool interleaved = false;    // pairs (2i, 2i+1), as GGUF stores llama; else (i, i + d/2)
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;    // llama3
  double beta_fast = 32, beta_slow = 1;                // yarn
  bool truncate = true;        // yarn: the range of blended dimensions is widened to whole ones
  double attn_factor = 0;      // yarn, longrope: multiplies cosine and sine; 0: the paper's
  int original_context = 0;
  // longrope: angle i is divided by [i]; the long ones where more than the original context is used
  std::vector<float> short_factors = {}, long_factors = {};
  std::vector<float> freq_divisors = {};   // GGUF's rope_freqs.weight: angle i is divided by [i]
};

/// Multi-head latent attention (arXiv:2405.04434 section 2.1): sizes of the latent, of a query
/// head's two parts and of a value head. rank 0: another attention.
struct Latent {
  int rank = 0, d_nope = 0, d_rope = 0, d_v = 0;
};

enum class Norm { rms, layer };

/// How the rows of a sequence become one vector; rank: scores; none: logits for every row.
enum class Pooling { none, mean, first, last, rank };

/// What a layer that keeps a state is: Mamba's selective scan, Mamba-2's state space dual, a gated
/// delta net, LFM2's short convolution.
enum class StateKind { none, selective, dual, delta, convolution };

/// Layers that keep a state of fixed size instead of keys and values. Sizes are called as GGUF's
/// "ssm." keys call them.
struct StateSpace {
  StateKind kind = StateKind::none;
  int d_conv = 0;              // taps of the causal convolution
  int d_inner = 0;             // channels: all value heads together
  int d_state = 0;             // states a channel; width of a key head
  int n_group = 1;             // groups of B and C (Mamba-2); key heads (delta net)
  int n_head = 1;              // value heads
  int dt_rank = 0;             // Mamba: rank of the time step
  float dt_min = 0;            // limits of Mamba-2's time step
  float dt_max = std::numeric_limits<float>::infinity();
  bool gate_first = true;      // Mamba-2: its norm follows the gate
  bool tiled = false;          // value head h reads key head h % n_group, else h / (heads a group)
  std::vector<bool> layers;    // by layer: is it one
  int d_head() const { return d_inner / n_head; }
};

/// Falcon-H1's constant factors. Source: arXiv:2507.22448 section 3.2.2.
struct Multipliers {
  float attention_in = 1, attention_out = 1;
  float ssm_in = 1, ssm_out = 1;
  float ssm[5] = {1, 1, 1, 1, 1};   // of z, x, B, C, dt
  float gate = 1, down = 1;
};

struct Hyper {
  std::string arch;            // Family::name, which is GGUF's general.architecture
  std::string name;            // for people; may be empty
  int n_layer = 0, d_model = 0, n_head = 0, n_head_kv = 0;
  int d_head = 0, d_head_v = 0;
  int d_ff = 0, n_vocab = 0;
  int n_context = 0;           // trained context, tokens
  Norm norm = Norm::rms;
  float norm_eps = 1e-5f;
  float norm_offset = 0;       // 1 where the file stores gain - 1 (Gemma in HF form)
  kernel::Act act = kernel::Act::silu;
  Rope rope;                   // full-attention layers
  Rope rope_local;             // sliding-window layers; differs for Gemma 3 only
  std::vector<int> window;     // per layer: attended positions including the own one; 0 = all
  std::vector<bool> no_rope;   // per layer: neither q nor k is rotated; empty: all are
  float attn_scale = 0;        // 0: 1 / sqrt(d_head)
  bool scaled_by_layer = false;              // attention of layer i divided by i + 1
  float attn_softcap = 0, logit_softcap = 0;
  float embed_scale = 1, residual_scale = 1, logit_scale = 1;
  float clip_qkv = 0;          // > 0: limit of what q, k and v projections give
  float alibi_bias_max = 0;    // > 0: ALiBi; the steepest slope is 2^-(this / number of heads)
  bool alibi_scaled = false;   // slopes times scale()
  bool learned_positions = false;            // added to the embeddings
  int position_offset = 0;     // position p has row p + this of them
  bool embedding_norm = false, final_norm = true;
  bool residual_of_norm = false;             // the normalised input is added, not the input
  bool norm_behind = false;    // behind each half instead of before it
  bool parallel = false;       // attention and MLP both read the block's input
  bool causal = true;          // false: an encoder, whose tokens see each other
  kernel::Router experts;      // n_expert 0: none
  float expert_clamp = 0, expert_alpha = 1;   // clamp > 0: kernel::clamped_glu in experts
  Latent latent;
  int n_nextn = 0;             // layers after the n_layer that predict further tokens
  // How files keep matrices that weights.h takes apart.
  bool qkv_by_group = false;   // fused q, k, v: for each key head its query heads, it, its value
  bool transposed = false;     // layers' matrices lie as [inputs, outputs]
  bool turned_experts = false; // stacked as [inputs, outputs], gate and up alternating
  bool normalised_head = false;              // rows of the head are scaled to length 1
  StateSpace ssm;
  Multipliers multiply;

  float scale() const;                       // attn_scale or its default
  bool is_local(int layer) const { return window[layer] > 0; }
  bool is_recurrent(int layer) const { return !ssm.layers.empty() && ssm.layers[layer]; }
};

/// Largest values accepted, so that no product of them overflows.
namespace hyper_max {
inline constexpr int64_t kLayers = 4096, kWidth = 1 << 22, kHeads = 1 << 14, kHeadDim = 1 << 14,
                         kExperts = 1 << 14, kVocab = 1 << 26, kContext = 1 << 30,
                         kTaps = 64, kState = 1 << 14;
}

/// Errors: data_loss / invalid_argument naming the missing or impossible key; unimplemented naming
/// an unknown architecture with the list of known ones.
Hyper read_hyper(const Store& store);

/// Cosine and sine [d / 2] of one position, scaling and attention factor applied.
/// Cost: row() computes d / 2 sines in double; keep the rows that are used again.
class RopeTable {
 public:
  /// Requires what read_hyper guarantees of a Rope. `context`: positions that will be used.
  explicit RopeTable(const Rope& rope, int context = 0);
  int half() const { return static_cast<int>(inv_freq_.size()); }
  void row(int position, float* cos, float* sin) const;

 private:
  double frequency(int pair, double theta) const;

  Rope rope_;
  std::vector<double> inv_freq_;
  double magnitude_ = 1;
};

}  // namespace strata::model
