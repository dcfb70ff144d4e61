// One node compiled: pointers and work shares resolved, ready to run. Internal to the executor.
#pragma once
#include <atomic>
#include <span>
#include <vector>

#include "base/threads.h"
#include "base/work_shares.h"
#include "graph/barrier.h"
#include "graph/executor.h"
#include "graph/memory_plan.h"
#include "graph/step/experts.h"
#include "kernel/attention.h"
#include "kernel/matmul.h"

namespace strata::graph {

/// Where a value lies.
struct Buffer {
  float* f32 = nullptr;
  kernel::Record* records = nullptr;
  int64_t private_offset = -1;   // of the records in each thread's arena
  int64_t width = 0;
  Rows rows = Rows::tokens;
};

/// A thread's consecutive groups of one matrix of a linear, in the memory of the thread's node.
struct Share {
  int matrix = 0;
  int64_t begin = 0, end = 0;
  kernel::Matrix weights = {};   // null data but for these groups
};

/// One piece of attention work: query tokens [token_begin, token_end) of a sequence against one KV
/// head, over the blocks that `split` of `n_split` covers.
struct AttentionTask {
  int sequence = 0, head = 0;
  int64_t token_begin = 0, token_end = 0;   // rows of the batch
  int split = 0, n_split = 1;
  int partial = 0;                          // first partial slot, when n_split > 1
};

/// Tasks of all attention nodes with the same shapes and window; made once a batch.
struct AttentionWork {
  int n_head = 0;
  CacheSpec spec;
  std::vector<AttentionTask> tasks;
  std::vector<int> split_tasks;             // the first of each group of splits
  bool apart = false;                       // each task is all of a sequence and a KV head
};

struct RopeRows {
  std::vector<float> cos, sin;              // [max_tokens][half]
  int half = 0;
  // With a centred cache: by token, the mean over its block of positions; of a block at position 0.
  std::vector<float> block_cos = {}, block_sin = {};
  std::vector<float> mean_cos = {}, mean_sin = {};   // [half]
};

struct Step;

/// The batch being run, shared by all threads.
struct Run {
  const Graph* graph = nullptr;
  ThreadPool* pool = nullptr;
  int threads = 1;    // that take part in this step
  int shares = 1;     // that weights were cut for: all of the pool
  bool deterministic = false;
  bool measuring = false;                       // keys of this batch set the frames of their heads
  std::span<const int32_t> tokens;
  std::span<const SequenceSlice> sequences;
  PageMap pages;
  int64_t n_tokens = 0, n_outputs = 0;
  std::vector<int32_t> position, block, slot;   // by token
  std::vector<int64_t> output_token;            // by output row
  std::vector<RopeRows> ropes;
  std::vector<AttentionWork> attention;
  std::vector<float> partials;
  std::vector<uint8_t*> private_arena;          // by thread
  std::vector<float*> scratch;                  // by thread, kScratchFloats
  std::vector<WorkCursor> cursors;              // by linear step and thread
  std::vector<std::atomic<int>> next;           // work counters, as many as a node needs
  ExpertRoom experts;
  float* states = nullptr;                      // [slots][state_stride]
  int64_t state_stride = 0;                     // floats

  int64_t rows(Rows r) const { return r == Rows::tokens ? n_tokens : n_outputs; }
  bool privately(Rows r) const { return graph::privately(rows(r)); }
  kernel::Record* records(const Buffer& b, int thread) const {
    return privately(b.rows) ? reinterpret_cast<kernel::Record*>(private_arena[thread] +
                                                                 b.private_offset)
                             : b.records;
  }
};

using Execute = void (*)(const Step& step, Run& run, int thread);

struct Step {
  const Node* node = nullptr;
  Execute execute = nullptr;
  bool quantises = false;                       // each thread for itself when rows are few
  bool meets_few = true, meets_many = true;     // barrier after it: few rows (privately), more
  std::vector<Buffer> in, out;
  Buffer residual;
  std::vector<kernel::Matrix> matrices;
  std::vector<int> weights;                     // by matrix: index into Graph::weights
  std::vector<const float*> biases;             // by matrix, null: none
  std::vector<const float*> vectors;            // norms: gain, bias or null; attention: q, k gains
  std::vector<std::vector<Share>> shares;       // by thread
  std::vector<int64_t> share_groups;            // by thread: sum of its shares, one of a pair
  int first_cursor = kNone;                     // of the threads', in Run::cursors
  int64_t norm_width = 0;                       // of a head
  bool norm_shared = true;                      // one gain for all heads
  // attention
  kernel::KvLayout layout;
  uint8_t* cache = nullptr;                     // of page 0
  size_t page_stride = 0;
  int column = 0;                               // of the page map
  // of a centred cache, [n_head_kv][d_k]: mean of the keys before their rotary embedding; units
  float *key_mean = nullptr, *key_unit = nullptr;
  int work = 0;                                 // index into Run::attention
  int counter = 0;                              // the node's first one in Run::next
  // recurrent nodes
  int64_t state_offset = 0;                     // of the node's part of a slot
};

/// Floats of each thread's scratch: a tile of rows of the widest normalised value, or gate and up.
int64_t scratch_floats(const Graph& graph);

/// kernel::matmul. Products of float activations round by how many tokens are multiplied at once;
/// those of records do not. Where no sequence may feel the others, every token is multiplied by
/// itself.
void multiply(const Run& run, const kernel::Matrix& w, const kernel::Activation& x,
              const kernel::Output& out, int64_t begin, int64_t end);

/// A thread's scratch for head_linear over heads of so many columns.
int64_t head_linear_floats(int64_t cols);

Execute execute_of(Op op);

void execute_embed(const Step&, Run&, int);
void execute_rms_norm(const Step&, Run&, int);
void execute_layer_norm(const Step&, Run&, int);
void execute_quantise(const Step&, Run&, int);
void execute_linear(const Step&, Run&, int);
void execute_linear_glu(const Step&, Run&, int);
void execute_experts(const Step&, Run&, int);
void execute_head_linear(const Step&, Run&, int);
void execute_latent_row(const Step&, Run&, int);
void execute_attention(const Step&, Run&, int);
void execute_rope(const Step&, Run&, int);
void execute_glu(const Step&, Run&, int);
void execute_activate(const Step&, Run&, int);
void execute_scale(const Step&, Run&, int);
void execute_clamp(const Step&, Run&, int);
void execute_add(const Step&, Run&, int);
void execute_softcap(const Step&, Run&, int);
void execute_select(const Step&, Run&, int);
void execute_pool(const Step&, Run&, int);
void execute_gated_norm(const Step&, Run&, int);
void execute_conv1d(const Step&, Run&, int);
void execute_selective_scan(const Step&, Run&, int);
void execute_ssd_scan(const Step&, Run&, int);
void execute_delta_rule(const Step&, Run&, int);
/// Scratch that a recurrent node needs, a thread.
int64_t recurrent_scratch_floats(const Node& node);

/// Sizes of tasks and buffers, once.
void prepare_attention(AttentionWork& work, int max_tokens, int max_sequences, int threads,
                       Run& run);
/// Fills run.attention's tasks for the batch in `run`.
void plan_attention(Run& run);

}  // namespace strata::graph
