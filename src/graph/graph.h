// The graph of one model: what an architecture declares and every pass rewrites.
//
// An activation is [rows, heads * d] floats. The number of rows is symbolic: all tokens of a batch,
// or only those whose logits are wanted. Nodes are kept in execution order.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/weight.h"
#include "kernel/ops.h"

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
  Tensor add(Tensor a, Tensor b, float scale = 1);   // a + scale * b
  Tensor scale(Tensor x, float factor);
  Tensor clamp(Tensor x, float limit);
  Tensor softcap(Tensor x, float cap);
  Tensor select(Tensor x);
  /// A row for each sequence, of which all tokens come in one step and one output is wanted.
  Tensor pool(Tensor x, Pool kind);
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

  const WeightSource* source_;
  int output_ = kNone;
  int layer_ = kNone;
};

/// One line a node: op, shapes, weights with types, bytes of weights read a step, flops a token.
std::string describe(const Graph& graph);

struct Cost {
  double weight_bytes = 0;   // read once a step, whatever the batch
  double flops = 0;          // per row of the node, attention's score and value products left out
};
Cost cost(const Graph& graph, const Node& node);
/// Bytes of all weights that a decode step reads (the embedding table's single row left out).
double weight_bytes(const Graph& graph);
/// Multiply-adds count two; per token, the output head included.
double flops_per_token(const Graph& graph);

}  // namespace strata::graph
