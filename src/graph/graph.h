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

enum class Op : uint8_t {
  embed,      // token ids -> rows of a table, times a scale
  rms_norm,   // over d of every head; [+ residual]
  linear,     // x W^T + b for one or more W that share x; [+ residual]
  linear_glu, // act(x Wg^T) * (x Wu^T)
  rope,       // rotary embedding of every head
  attention,  // stores k, v in the cache, then softmax(q k^T) v; [per-head norm and rope of q, k]
  glu,        // act(a) * b
  add,        // a + b
  softcap,    // cap * tanh(x / cap)
  select,     // rows whose logits are wanted
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

/// A weight in use: the stored tensor and, for linears, its bias.
struct Weight {
  const StoredTensor* tensor = nullptr;
  const StoredTensor* bias = nullptr;   // null: none
  bool matrix = false;                  // packed for matmul; else kept as floats
};

inline constexpr int kNone = -1;

struct Node {
  Op op;
  std::vector<int> in{}, out{}; // indices into Graph::values
  std::vector<int> weights{};   // indices into Graph::weights
  int residual = kNone;         // value added to out[0]; out[0] takes over its memory
  int layer = kNone;            // for people
  float eps = 0, offset = 0;    // norms
  float scale = 1, cap = 0;     // embed, attention; softcap, attention
  kernel::Act act = kernel::Act::silu;
  int rope = kNone;             // index into Graph::ropes
  int window = 0;               // attention: positions attended including the own one; 0 = all
  int cache = kNone;            // attention: index of its KV cache
  int q_norm = kNone, k_norm = kNone;   // attention: weights of fused per-head norms
};

/// Where the angles of a rotary embedding come from.
struct RopeSpec {
  int d = 0;                    // rotated dimensions
  bool interleaved = false;
  std::function<void(int position, float* cos, float* sin)> row;   // [d / 2] each
};

/// Shapes of one layer's KV cache.
struct CacheSpec {
  int n_head_kv = 0, d_k = 0, d_v = 0, window = 0;
};

struct Tensor {
  int value = kNone;
};

/// Builder and container. A missing or misshapen weight is data_loss naming tensor and shapes.
class Graph {
 public:
  explicit Graph(const WeightSource& source) : source_(&source) {}

  // What architectures use. `weight` is a name without ".weight"; a bias is used where one exists.
  Tensor embed(std::string_view weight, int64_t d_model, float scale);
  Tensor rms_norm(Tensor x, std::string_view weight, float eps, float offset);
  Tensor linear(Tensor x, std::string_view weight);
  Tensor heads(Tensor x, int n, int64_t d);   // the same values seen as n heads of d
  Tensor merge(Tensor x);                     // and back
  Tensor rope(Tensor x, int rope);
  Tensor attention(Tensor q, Tensor k, Tensor v, float scale, float softcap, int window);
  Tensor glu(kernel::Act act, Tensor gate, Tensor up);
  Tensor add(Tensor a, Tensor b);
  Tensor softcap(Tensor x, float cap);
  Tensor select(Tensor x);
  int add_rope(RopeSpec spec);
  void output(Tensor logits) { output_ = logits.value; }
  void layer(int index) { layer_ = index; }   // label of the nodes that follow

  const WeightSource& source() const { return *source_; }
  int output() const { return output_; }
  bool has(std::string_view weight) const;

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
