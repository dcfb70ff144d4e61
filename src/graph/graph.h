// The graph of one model: what an architecture declares and every pass rewrites.
//
// An activation is [rows, heads * d] floats. The number of rows is symbolic: all tokens of a batch,
// or only those whose logits are wanted. Nodes are kept in execution order.
#pragma once
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/weight.h"
#include "kernel/ops.h"
#include "kernel/router.h"

namespace strata::graph {

enum class Rows : uint8_t { tokens, outputs };
enum class Pool : uint8_t { mean, first, last };

enum class Op : uint8_t {
  embed,      // rows of a table by token, times a scale; [+ rows by position][+ one row]
  rms_norm,   // over d of every head; [+ residual]
  layer_norm, // over d of every head, with a bias where one exists; [+ residual]
  linear,     // x W^T + b for one or more W that share x; [activated][+ residual]
  linear_glu, // act(x Wg^T) * (x Wu^T)
  rope,       // rotary embedding of every head
  experts,    // gated units chosen by a router's logits, weighed and added; [+ residual]
  head_linear, // the first columns of a head by a matrix of its own; [rotated] the rest behind
  latent_row, // rms_norm over the first columns of a row, rotary embedding of the rest
  attention,  // stores k, v in the cache, then softmax(q k^T) v; [per-head norm and rope of q, k]
  glu,        // act(a) * b
  activate,   // act(x)
  add,        // a + scale * b
  scale,      // scale * x
  clamp,      // x within [-cap, cap]
  softcap,    // cap * tanh(x / cap)
  select,     // rows whose logits are wanted
  pool,       // all rows of a sequence -> one: the mean, the first or the last
  quantise,   // int8 records of a value, for the linears that read it
  gated_norm, // rms_norm(a * silu(b)) or rms_norm(a) * silu(b), over d of every head
  conv1d,     // act(causal depthwise convolution); its state is the last rows of the input
  selective_scan,   // Mamba: a matrix of fading factors
  ssd_scan,         // Mamba-2: one fading factor a head
  delta_rule,       // gated delta net: fading, and what is known already is not written again
};
std::string_view name(Op op);

/// An activation. `storage` tells which forms the consumers need (set by passes).
struct Value {
  std::string name{};
  Rows rows = Rows::tokens;
  int heads = 1;
  int64_t d = 0;
  bool as_f32 = true, as_records = false;
  int64_t width() const { return heads * d; }
};

bool is_norm(Op op);
/// Reads records of its input where the weights are block-quantised.
bool is_linear(Op op);

/// A weight in use: the stored tensor and, for linears and layer norms, its bias.
struct Weight {
  const StoredTensor* tensor = nullptr;
  const StoredTensor* bias = nullptr;   // null: none
  bool matrix = false;                  // packed for matmul; else kept as floats
};

inline constexpr int kNone = -1;

/// What an attention node scores and sees. Query i meets key j with the score
///   softcap(scale * q.k) - alibi[head] * |i - j|
struct AttentionOptions {
  float scale = 1;
  float softcap = 0;            // > 0: softcap * tanh(score / softcap)
  int window = 0;               // > 0: causal: that many positions, the own one included;
                                //      else window / 2 to each side and the own one
  bool causal = true;           // false: all tokens of the sequence come in one step and see all
  std::vector<float> alibi{};   // slope of each query head; empty: none. arXiv:2108.12409
  std::string sinks{};          // weight [n_head]: a logit of each head that joins the sum of the
                                // softmax and carries no value; empty: none. arXiv:2309.17453
};

/// Heads of a recurrence: n_group of keys (Mamba-2: groups of B and C) serve n_head of values.
struct RecurrentHeads {
  int n_head = 0, n_group = 1;
  int d_k = 0, d_v = 0;
  bool tiled = false;           // head h reads group h % n_group, else h / (n_head / n_group)
  float step_min = 0, step_max = std::numeric_limits<float>::infinity();   // Mamba-2: of softplus
};

/// A constant factor of `count` consecutive channels.
struct ChannelFactor {
  int64_t count = 0;
  float factor = 1;
};

struct Node {
  Op op;
  std::vector<int> in{}, out{}; // indices into Graph::values
  std::vector<int> weights{};   // indices into Graph::weights
  int residual = kNone;         // value added to out[0]; out[0] takes over its memory
  int layer = kNone;            // for people
  float eps = 0, offset = 0;    // norms
  float scale = 1, cap = 0;     // embed, add, scale; softcap, clamp
  kernel::Act act = kernel::Act::silu;
  bool activates = false;       // linear: act is applied to the product
  Pool pool = Pool::mean;
  int positions = kNone, constant = kNone;   // embed: which of `weights` have rows to add
  int position_offset = 0;                   // position p takes row p + offset
  int rope = kNone;             // index into Graph::ropes
  AttentionOptions attention{};
  int cache = kNone;            // attention: index of its KV cache
  // attention: which of `weights` are the gains of fused per-head norms, and the sinks
  int q_norm = kNone, k_norm = kNone, sinks = kNone;
  int experts = kNone;          // index into Graph::expert_blocks
  bool records_inside = false;  // experts, head_linear: make records of what they multiply
  bool gate_first = false;              // gated_norm
  int taps = 0;                         // conv1d
  std::vector<ChannelFactor> factors{}; // conv1d: part of its weights once loaded
  int state = kNone;                    // recurrent ops: index into Graph::states
  RecurrentHeads recurrent{};           // ssd_scan, delta_rule; gated_norm: d_v is normalised
};

/// A gated unit among several: down(act(gate x) * up x).
struct ExpertWeights {
  int gate = kNone, up = kNone, down = kNone;   // indices into Graph::weights
};

/// What an expert does between its matrices, and how experts are chosen.
struct ExpertForm {
  kernel::Router router;
  kernel::Act act = kernel::Act::silu;
  float clamp = 0;   // not 0: kernel::clamped_glu with this limit instead of `act`
  float alpha = 1;
};

/// One layer's experts: those chosen from, then those that take every row.
struct ExpertBlock {
  ExpertForm form;
  std::vector<ExpertWeights> weights;
  int n_shared = 0;
  int choice_bias = kNone;      // index into Graph::weights: added to the scores for choosing
  bool shared_gate = false;     // shared experts are weighed by the sigmoid of the third input
  int n_used() const { return form.router.n_used + n_shared; }
};

/// Where the angles of a rotary embedding come from.
struct RopeSpec {
  int d = 0;                    // rotated dimensions
  bool interleaved = false;
  std::function<void(int position, float* cos, float* sin)> row;   // [d / 2] each
};

/// Shapes of one layer's KV cache. `window`: how many positions back a step may look; 0: all.
struct CacheSpec {
  int n_head_kv = 0, d_k = 0, d_v = 0, window = 0;
  bool latent = false;          // values are the first d_v of each key: only keys are stored
  bool operator==(const CacheSpec&) const = default;
};

/// What one recurrent node keeps of a sequence, whatever its length.
struct StateSpec {
  int64_t floats = 0;
};

struct Tensor {
  int value = kNone;
};

/// What is added to the scaled rows of the tokens.
struct EmbedForm {
  float scale = 1;
  std::string_view positions = {};   // a learned row for each position
  int position_offset = 0;           // position p takes row p + offset
  std::string_view constant = {};    // the first row of a table (token type 0)
};

/// Shapes of multi-head latent attention. Source: arXiv:2405.04434 section 2.1.
struct LatentShape {
  int n_head = 0;
  int d_nope = 0, d_rope = 0;   // a query head: what meets the latent, what is rotated
  int d_v = 0;                  // a value head
  int rank = 0;                 // the latent
};

/// Builder and container. A missing or misshapen weight is data_loss naming tensor and shapes.
class Graph {
 public:
  explicit Graph(const WeightSource& source) : source_(&source) {}

  // What architectures use. `weight` is a name without ".weight"; a bias is used where one exists.
  Tensor embed(std::string_view weight, int64_t d_model, const EmbedForm& form);
  /// Gains of one head ([d], shared by all) or of every head ([heads * d]).
  Tensor rms_norm(Tensor x, std::string_view weight, float eps, float offset);
  Tensor layer_norm(Tensor x, std::string_view weight, float eps, float offset = 0);
  Tensor linear(Tensor x, std::string_view weight);
  Tensor heads(Tensor x, int n, int64_t d);   // the same values seen as n heads of d
  Tensor merge(Tensor x);                     // and back
  Tensor rope(Tensor x, int rope);
  /// q [n_head, d_k], k [n_head_kv, d_k], v [n_head_kv, d_v] -> [n_head, d_v]
  Tensor attention(Tensor q, Tensor k, Tensor v, AttentionOptions options);
  /// Multi-head latent attention in absorbed form: every query head [n_head, d_k] meets the one
  /// row [1, d_k] that a token leaves in the cache (latent, then rotary part), whose first d_v are
  /// the values. -> [n_head, d_v]. Source: arXiv:2405.04434 section 2.1.
  Tensor latent_attention(Tensor q, Tensor row, int d_v, AttentionOptions options);
  Tensor glu(kernel::Act act, Tensor gate, Tensor up);
  Tensor activate(kernel::Act act, Tensor x);
  /// Queries [n_head, d_nope + d_rope] as latent_attention wants them, [n_head, rank + d_rope]: the
  /// first part absorbs PREFIXattn_k_b [n_head, rank, d_nope]. Where the file has PREFIXattn_kv_b,
  /// for each head d_nope rows and then d_v, it is taken apart.
  Tensor latent_query(Tensor q, std::string_view prefix, const LatentShape& shape, int rope);
  /// The row [rank + d_rope] that a token leaves in the cache.
  Tensor latent_row(Tensor x, std::string_view norm, float eps, int64_t rank, int rope);
  /// What was attended, [n_head, rank], as values [n_head, d_v], by PREFIXattn_v_b or
  /// PREFIXattn_kv_b.
  Tensor latent_values(Tensor mix, std::string_view prefix, const LatentShape& shape);
  Tensor add(Tensor a, Tensor b, float scale = 1);   // a + scale * b
  Tensor scale(Tensor x, float factor);
  Tensor clamp(Tensor x, float limit);
  /// Sum of the experts that `logits` [rows, n_expert] choose for a row of x, and of the shared
  /// one. Their matrices are PREFIXffn_gate_exps and so on, stacked [n_expert, rows, cols];
  /// PREFIXffn_gate_up_exps, a gate above its up; or one matrix each, PREFIXffn_gate.0 ... A shared
  /// expert, PREFIXffn_gate_shexp, and a bias for choosing, PREFIXexp_probs_b, are used where they
  /// exist. `shared_gate` [rows, 1] may be none.
  Tensor experts(Tensor x, Tensor logits, Tensor shared_gate, std::string_view prefix,
                 const ExpertForm& form);
  Tensor softcap(Tensor x, float cap);
  Tensor select(Tensor x);
  /// A row for each sequence, of which all tokens come in one step and one output is wanted.
  Tensor pool(Tensor x, Pool kind);
  /// The gain has d values for all heads alike, or heads * d.
  Tensor gated_norm(Tensor x, Tensor gate, std::string_view weight, float eps, bool gate_first);
  // Recurrent operations. A name that has no ".weight" in files is given as it is there.
  /// `factors`: of the input, by channels.
  Tensor conv1d(Tensor x, std::string_view weight, int taps, kernel::Act act,
                std::vector<ChannelFactor> factors = {});
  /// x, dt [T, channels], dt before softplus; b, c [T, d_state].
  Tensor selective_scan(Tensor x, Tensor dt, Tensor b, Tensor c, std::string_view a,
                        std::string_view d);
  /// xbc: values, then B, then C; dt [T, n_head] before dt_bias and softplus.
  Tensor ssd_scan(Tensor xbc, Tensor dt, std::string_view a, std::string_view d,
                  std::string_view dt_bias, const RecurrentHeads& heads);
  /// qkv: queries, keys, values; the step is softplus(alpha + dt_bias), the rate sigmoid(beta).
  Tensor delta_rule(Tensor qkv, Tensor alpha, Tensor beta, std::string_view a,
                    std::string_view dt_bias, const RecurrentHeads& heads);
  int add_rope(RopeSpec spec);
  void output(Tensor logits) { output_ = logits.value; }
  void layer(int index) { layer_ = index; }   // label of the nodes that follow

  const WeightSource& source() const { return *source_; }
  int output() const { return output_; }
  bool has(std::string_view weight) const;
  /// Positions that learned embeddings have rows for; 0: any.
  int64_t max_positions() const;

  // What passes rewrite.
  std::vector<Node> nodes;
  std::vector<Value> values;
  std::vector<Weight> weights;
  std::vector<RopeSpec> ropes;
  std::vector<CacheSpec> caches;
  std::vector<ExpertBlock> expert_blocks;
  std::vector<StateSpec> states;

  /// Nodes that read a value (residual included), in order.
  std::vector<int> readers(int value) const;
  /// The node that writes a value; kNone before the first.
  int writer(int value) const;
  int add_value(Value value);
  /// Drops the nodes marked in `dead`, keeping order.
  void erase(const std::vector<bool>& dead);

 private:
  Tensor emit(Node node, Value out);
  Tensor emit_attention(Node node, AttentionOptions options, CacheSpec cache);
  Tensor elementwise(Node node);   // one input, output alike
  int table(std::string_view name, int64_t d);
  int norm_weight(std::string_view name, const Value& x);
  int vector_weight(std::string_view name, int64_t n);
  int matrix_weight(std::string_view name, int64_t cols);
  int add_matrix(const StoredTensor& tensor, const StoredTensor* bias, int64_t cols);
  int slice_matrix(const StoredTensor& stacked, const StoredTensor* biases, int64_t begin,
                   int64_t end, int64_t cols);
  std::vector<int> expert_matrices(std::string_view prefix, std::string_view name, int n,
                                   int64_t cols);
  Tensor head_linear(Tensor x, const std::vector<int>& matrices, int rope);
  std::vector<int> latent_matrices(std::string_view prefix, const LatentShape& shape, bool keys);
  void gate_and_up(ExpertBlock& block, std::string_view prefix, int64_t cols);
  int add_state(int64_t floats);

  const WeightSource* source_;
  std::shared_ptr<std::deque<StoredTensor>> slices_ = std::make_shared<std::deque<StoredTensor>>();
  int output_ = kNone;
  int layer_ = kNone;
};

/// The matrices that the node multiplies its first input by: none unless it is such a product.
std::vector<int> input_matrices(const Graph& graph, const Node& node);

/// One line a node: op, shapes, weights with types, bytes of weights read a step, flops a token.
std::string describe(const Graph& graph);

/// The part of node.weights[i] that one row meets: less than all for experts chosen from.
double weight_share(const Graph& graph, const Node& node, size_t i);

struct Cost {
  double weight_bytes = 0;   // read by a step of one row; the same for more, but for experts
  double flops = 0;          // per row of the node, attention's score and value products left out
};
Cost cost(const Graph& graph, const Node& node);
/// Bytes of all weights that a decode step reads (the embedding table's single row left out).
double weight_bytes(const Graph& graph);
/// Multiply-adds count two; per token, the output head included.
double flops_per_token(const Graph& graph);

}  // namespace strata::graph
