#include "graph/executor.h"

#include <algorithm>
#include <cstring>

#include "base/arena.h"
#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "graph/memory_plan.h"
#include "graph/pass.h"
#include "graph/step.h"

namespace strata::graph {
namespace {

std::string_view page_text(PageKind kind) {
  switch (kind) {
    case PageKind::explicit_huge: return "explicit 2 MiB pages";
    case PageKind::transparent_huge: return "transparent huge pages";
    case PageKind::plain: break;
  }
  return "plain pages";
}

size_t float_bytes(const StoredTensor& tensor) {
  return Arena::rounded(static_cast<size_t>(tensor.elements()) * sizeof(float));
}

size_t weight_footprint(const Graph& g) {
  size_t total = 0;
  for (const Node& node : g.nodes) {
    if (node.op == Op::embed) continue;
    for (int w : node.weights) {
      const Weight& weight = g.weights[w];
      if (weight.matrix) {
        const int64_t rows = weight.tensor->shape[0];
        total += kernel::group_bytes(weight.tensor->type, weight.tensor->shape[1]) *
                 ((rows + kernel::kGroupRows - 1) / kernel::kGroupRows);
        if (weight.bias) total += float_bytes(*weight.bias);
      } else {
        total += float_bytes(*weight.tensor);
      }
    }
  }
  return total;
}

kernel::KvLayout layout_of(const CacheSpec& spec, kernel::KvType type) {
  return {.type = type, .n_head_kv = spec.n_head_kv, .d_k = spec.d_k, .d_v = spec.d_v,
          .latent = spec.latent};
}

Footprint footprint_of(const Graph& g, const MemoryPlan& plan, int threads,
                       const ExecutorOptions& options) {
  Footprint f;
  f.weights = weight_footprint(g);
  f.activations = plan.shared_bytes + plan.private_bytes * threads;
  for (const CacheSpec& spec : g.caches)
    f.kv_block += layout_of(spec, options.kv_type).block_bytes();
  return f;
}

Graph run_passes(Graph graph, const ExecutorOptions& options) {
  if (options.fuse)
    for (const Pass& pass : passes(options.exact)) pass.run(graph);
  return graph;
}

// A matrix to pack, in pieces that threads take one after the other.
struct PackJob {
  const StoredTensor* tensor;
  uint8_t* packed;
  int64_t begin, end;   // groups
};

}  // namespace

int64_t scratch_floats(const Graph& g) {
  int64_t widest = 0;
  for (const Value& v : g.values) widest = std::max(widest, v.width());
  return widest * kernel::kTileTokens;
}

Execute execute_of(Op op) {
  switch (op) {
    case Op::embed: return execute_embed;
    case Op::rms_norm: return execute_rms_norm;
    case Op::linear: return execute_linear;
    case Op::linear_glu: return execute_linear_glu;
    case Op::rope: return execute_rope;
    case Op::attention: return execute_attention;
    case Op::glu: return execute_glu;
    case Op::add: return execute_add;
    case Op::softcap: return execute_softcap;
    case Op::select: return execute_select;
    case Op::quantise: return execute_quantise;
  }
  STRATA_CHECK(false);
}

struct Executor::Impl {
  Impl(Graph g, ThreadPool& p, const ExecutorOptions& o)
      : graph(std::move(g)), pool(p), options(o),
        plan(plan_memory(graph, o.max_tokens, o.max_outputs)),
        sizes(footprint_of(graph, plan, p.size(), o)) {
    const size_t needed = sizes.total(options.kv_blocks), available = memory_available();
    if (needed > available) {
      throw Error(
          Code::resource_exhausted,
          fmt::format("not enough memory: the model needs {} bytes (weights {}, activations "
                      "{}, {} KV blocks of {}), {} are available; choose a smaller model, "
                      "context or --kv-cache-bytes",
                      needed, sizes.weights, sizes.activations, options.kv_blocks, sizes.kv_block,
                      available));
    }
    weights = Arena(sizes.weights + 64);
    shared = Memory(std::max<size_t>(plan.shared_bytes, 64));
    kv = Memory(std::max<size_t>(sizes.kv_block * options.kv_blocks, 64));
    prepare_run();
    compile();
    pack();
    log::info("weights: {} bytes packed, {}; KV cache: {} blocks, {} bytes, {}", weights.used(),
              page_text(weights.memory().pages()), options.kv_blocks, kv.size(),
              page_text(kv.pages()));
  }

  void prepare_run() {
    const int threads = pool.size();
    run.graph = &graph;
    run.pool = &pool;
    run.threads = threads;
    const auto tokens = static_cast<size_t>(options.max_tokens);
    run.position.resize(tokens);
    run.block.resize(tokens);
    run.slot.resize(tokens);
    run.output_token.reserve(options.max_outputs);
    for (const RopeSpec& spec : graph.ropes) {
      const int half = spec.d / 2;
      run.ropes.push_back({std::vector<float>(tokens * half), std::vector<float>(tokens * half),
                           half});
    }
    constexpr int64_t kGluFloats = 2 * (32 << 10);
    const int64_t floats = std::max({scratch_floats(graph), kGluFloats,
                                     int64_t{2} * 2 * kernel::kGroupRows * options.max_tokens});
    const size_t own = Arena::rounded(plan.private_bytes) + Arena::rounded(floats * sizeof(float));
    for (int t = 0; t < threads; ++t) {
      private_memory.emplace_back(own);
      run.private_arena.push_back(private_memory.back().data());
      run.scratch.push_back(reinterpret_cast<float*>(private_memory.back().data() +
                                                     Arena::rounded(plan.private_bytes)));
    }
  }

  Buffer buffer(int value) {
    const Value& v = graph.values[value];
    const MemoryPlan::Place& place = plan.places[value];
    Buffer b{.width = v.width(), .rows = v.rows};
    if (place.f32 >= 0) b.f32 = reinterpret_cast<float*>(shared.data() + place.f32);
    if (place.records >= 0) {
      b.records = reinterpret_cast<kernel::Record*>(shared.data() + place.records);
      b.private_offset = place.privately;
    }
    return b;
  }

  const float* load_vector(const StoredTensor& tensor) {
    auto* out = reinterpret_cast<float*>(
        weights.allocate(static_cast<size_t>(tensor.elements()) * sizeof(float)));
    kernel::to_f32(tensor.type, tensor.data, tensor.elements(), out);
    return out;
  }

  void add_matrix(Step& step, const Weight& weight) {
    const StoredTensor& tensor = *weight.tensor;
    kernel::Matrix m{.type = tensor.type, .rows = tensor.shape[0], .cols = tensor.shape[1]};
    uint8_t* packed = weights.allocate(kernel::group_bytes(m.type, m.cols) * m.groups());
    m.data = packed;
    constexpr int64_t kGroupsAJob = 64;
    for (int64_t g = 0; g < m.groups(); g += kGroupsAJob)
      jobs.push_back({&tensor, packed, g, std::min(g + kGroupsAJob, m.groups())});
    step.matrices.push_back(m);
    step.biases.push_back(weight.bias ? load_vector(*weight.bias) : nullptr);
  }

  // Cuts the bytes of all matrices of a linear evenly, in whole groups. The two matrices of a
  // gated unit are cut alike.
  void share_out(Step& step) {
    const int threads = pool.size();
    step.shares.resize(threads);
    if (step.node->op == Op::linear_glu) {
      for (int t = 0; t < threads; ++t) {
        const auto [b, e] = split_evenly(step.matrices[0].groups(), t, threads);
        if (b < e) step.shares[t].push_back({0, b, e});
      }
      return;
    }
    double total = 0;
    std::vector<double> group_bytes;
    for (const kernel::Matrix& m : step.matrices) {
      group_bytes.push_back(static_cast<double>(kernel::group_bytes(m.type, m.cols)));
      total += group_bytes.back() * static_cast<double>(m.groups());
    }
    double before = 0;
    for (size_t i = 0; i < step.matrices.size(); ++i) {
      const int64_t groups = step.matrices[i].groups();
      const auto cut = [&](int t) {
        const double at = (total * t / threads - before) / group_bytes[i];
        return std::clamp<int64_t>(static_cast<int64_t>(at + 0.5), 0, groups);
      };
      for (int t = 0; t < threads; ++t) {
        const int64_t b = cut(t), e = t + 1 == threads ? groups : cut(t + 1);
        if (b < e) step.shares[t].push_back({static_cast<int>(i), b, e});
      }
      before += group_bytes[i] * static_cast<double>(groups);
    }
  }

  int attention_work(const Node& node) {
    const CacheSpec& spec = graph.caches[node.cache];
    const int n_head = graph.values[node.in[0]].width() / spec.d_k;
    for (size_t i = 0; i < run.attention.size(); ++i) {
      const AttentionWork& w = run.attention[i];
      if (w.n_head == n_head && w.spec == spec) return static_cast<int>(i);
    }
    AttentionWork work{.n_head = n_head, .spec = spec, .tasks = {}, .split_tasks = {}};
    run.attention.push_back(std::move(work));
    return static_cast<int>(run.attention.size()) - 1;
  }

  void compile() {
    size_t cache_offset = 0;
    int attentions = 0;
    for (const Node& node : graph.nodes) {
      Step step;
      step.node = &node;
      step.execute = execute_of(node.op);
      step.quantises = quantises(graph, node);
      step.meets_few = barrier_after(graph, node, kPrivateRows);
      step.meets_many = barrier_after(graph, node, kPrivateRows + 1);
      for (int v : node.in) step.in.push_back(buffer(v));
      for (int v : node.out) step.out.push_back(buffer(v));
      if (node.residual != kNone) step.residual = buffer(node.residual);
      if (node.op != Op::embed) {
        for (int w : node.weights) {
          const Weight& weight = graph.weights[w];
          if (weight.matrix) add_matrix(step, weight);
          else step.vectors.push_back(load_vector(*weight.tensor));
        }
      }
      if (node.op == Op::rms_norm)
        step.norm_width = graph.weights[node.weights[0]].tensor->elements();
      if (!step.matrices.empty()) share_out(step);
      if (node.op == Op::attention) {
        step.layout = layout_of(graph.caches[node.cache], options.kv_type);
        step.cache = kv.data() + cache_offset;
        cache_offset += step.layout.block_bytes() * options.kv_blocks;
        step.work = attention_work(node);
        step.counter = attentions++;
      }
      steps.push_back(std::move(step));
    }
    run.next = std::vector<std::atomic<int>>(attentions);
    size_t floats = 0;
    for (AttentionWork& work : run.attention) {
      work.tasks.reserve(static_cast<size_t>(work.spec.n_head_kv) *
                             (options.max_sequences + options.max_tokens / 32 + 1) +
                         8 * static_cast<size_t>(pool.size()));
      work.split_tasks.reserve(work.tasks.capacity());
      const int rows = std::max(kernel::kAttendRows, work.n_head / work.spec.n_head_kv);
      floats = std::max(floats, static_cast<size_t>(work.spec.d_v + 32) * rows);
    }
    // At most 8 parts a thread (step/attention.cc), each with a slot for every row of its task.
    run.partials.resize(floats * 8 * (pool.size() + 1));
    const Value& out = graph.values[graph.output()];
    STRATA_CHECK(out.rows == Rows::outputs);
    logits = buffer(graph.output()).f32;
  }

  void pack() {
    std::atomic<size_t> next{0};
    pool.run([&](int) {
      for (size_t i; (i = next.fetch_add(1)) < jobs.size();) {
        const PackJob& job = jobs[i];
        kernel::pack(job.tensor->type, job.tensor->data, job.tensor->shape[0],
                     job.tensor->shape[1], job.begin, job.end, job.packed);
      }
    });
    jobs.clear();
    for (const Node& node : graph.nodes) {
      if (node.op == Op::embed) continue;
      for (int w : node.weights) graph.source().release(*graph.weights[w].tensor);
    }
  }

  // Position, block and slot of every token; the rows whose logits are wanted.
  void lay_out(const Batch& batch) {
    run.tokens = batch.tokens;
    run.sequences = batch.sequences;
    run.n_tokens = static_cast<int64_t>(batch.tokens.size());
    STRATA_CHECK(run.n_tokens <= options.max_tokens);
    run.output_token.clear();
    for (const SequenceSlice& seq : batch.sequences) {
      STRATA_CHECK(seq.first_token + seq.n_token <= run.n_tokens && seq.n_logits <= seq.n_token);
      for (int i = 0; i < seq.n_token; ++i) {
        const int64_t row = seq.first_token + i;
        const int position = seq.n_past + i;
        run.position[row] = position;
        run.block[row] = seq.blocks[position / kernel::kKvBlock];
        run.slot[row] = position % kernel::kKvBlock;
      }
      for (int i = seq.n_token - seq.n_logits; i < seq.n_token; ++i)
        run.output_token.push_back(seq.first_token + i);
    }
    run.n_outputs = static_cast<int64_t>(run.output_token.size());
    STRATA_CHECK(run.n_outputs <= options.max_outputs);
    for (std::atomic<int>& counter : run.next) counter.store(0, std::memory_order_relaxed);
    plan_attention(run);
  }

  void execute(int thread) {
    for (const Step& step : steps) {
      step.execute(step, run, thread);
      if (run.privately(step.out[0].rows) ? step.meets_few : step.meets_many) pool.barrier(thread);
    }
  }

  Graph graph;
  ThreadPool& pool;
  ExecutorOptions options;
  MemoryPlan plan;
  Footprint sizes;
  Arena weights;
  Memory shared, kv;
  std::vector<Memory> private_memory;
  std::vector<PackJob> jobs;
  std::vector<Step> steps;
  Run run;
  float* logits = nullptr;
};

Executor::Executor(Graph graph, ThreadPool& pool, const ExecutorOptions& options)
    : impl_(std::make_unique<Impl>(run_passes(std::move(graph), options), pool, options)) {}
Executor::~Executor() = default;

Footprint Executor::footprint(const Graph& graph, int threads, const ExecutorOptions& options) {
  const Graph compiled = run_passes(graph, options);
  const MemoryPlan plan = plan_memory(compiled, options.max_tokens, options.max_outputs);
  return footprint_of(compiled, plan, threads, options);
}

const float* Executor::run(const Batch& batch) {
  impl_->lay_out(batch);
  impl_->pool.run([this](int thread) { impl_->execute(thread); });
  return impl_->logits;
}

void Executor::copy_block(int32_t from, int32_t to) {
  for (const Step& step : impl_->steps) {
    if (!step.cache) continue;
    const size_t bytes = step.layout.block_bytes();
    std::memcpy(step.cache + bytes * to, step.cache + bytes * from, bytes);
  }
}

void Executor::read_block(int32_t block, uint8_t* out) const {
  for (const Step& step : impl_->steps) {
    if (!step.cache) continue;
    const size_t bytes = step.layout.block_bytes();
    std::memcpy(out, step.cache + bytes * block, bytes);
    out += bytes;
  }
}

void Executor::write_block(int32_t block, const uint8_t* in) {
  for (const Step& step : impl_->steps) {
    if (!step.cache) continue;
    const size_t bytes = step.layout.block_bytes();
    std::memcpy(step.cache + bytes * block, in, bytes);
    in += bytes;
  }
}

int64_t Executor::n_vocab() const { return impl_->graph.values[impl_->graph.output()].width(); }
const Graph& Executor::graph() const { return impl_->graph; }
const ExecutorOptions& Executor::options() const { return impl_->options; }
const Footprint& Executor::footprint() const { return impl_->sizes; }
ThreadPool& Executor::pool() const { return impl_->pool; }

double Executor::step_weight_bytes() const {
  double total = 0;
  for (const Step& step : impl_->steps) {
    for (const kernel::Matrix& m : step.matrices)
      total += static_cast<double>(kernel::group_bytes(m.type, m.cols)) * m.groups();
  }
  return total;
}

double Executor::step_kv_bytes(int64_t depth) const {
  double total = 0;
  for (const CacheSpec& spec : impl_->graph.caches) {
    const int64_t positions = spec.window > 0 ? std::min<int64_t>(depth, spec.window) : depth;
    total += static_cast<double>(positions) *
             layout_of(spec, impl_->options.kv_type).position_bytes();
  }
  return total;
}

}  // namespace strata::graph
