#include "graph/executor.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "graph/memory_plan.h"
#include "graph/packed_weights.h"
#include "graph/pass.h"
#include "graph/step/keys.h"

namespace strata::graph {
namespace {

size_t float_bytes(const StoredTensor& tensor) {
  return Arena::rounded(static_cast<size_t>(tensor.elements()) * sizeof(float));
}

// Norms' gains and biases: kept as floats.
size_t vector_bytes(const Graph& g) {
  size_t total = 0;
  for (const Node& node : g.nodes) {
    if (node.op == Op::embed) continue;
    for (int w : node.weights) {
      const Weight& weight = g.weights[w];
      if (weight.bias) total += float_bytes(*weight.bias);
      if (!weight.matrix) total += float_bytes(*weight.tensor);
    }
  }
  return total;
}

kernel::KvLayout layout_of(const CacheSpec& spec, const ExecutorOptions& options) {
  return {.type = options.kv_type, .n_head_kv = spec.n_head_kv, .d_k = spec.d_k, .d_v = spec.d_v,
          .latent = spec.latent,
          .rotated = options.kv_rotated && kernel::KvLayout{options.kv_type}.quantised(),
          .centred = kernel::KvLayout{options.kv_type}.quantised() && !spec.latent};
}

// Each node's part of a slot begins on a cache line, so that threads never share one.
int64_t state_part(const StateSpec& spec) { return (spec.floats + 15) / 16 * 16; }

int64_t state_stride(const Graph& g) {
  int64_t floats = 0;
  for (const StateSpec& spec : g.states) floats += state_part(spec);
  return floats;
}

PagePlan pages_of(const Graph& g, const ExecutorOptions& options) {
  std::vector<size_t> bytes;
  for (const CacheSpec& spec : g.caches) bytes.push_back(layout_of(spec, options).block_bytes());
  return plan_pages(g.caches, bytes, options.by_window);
}

Footprint footprint_of(const Graph& g, const MemoryPlan& plan, int threads,
                       const ExecutorOptions& options) {
  Footprint f;
  f.weights = plan_image(g).bytes + vector_bytes(g);
  f.activations = plan.shared_bytes + plan.private_bytes * threads +
                  expert_room_bytes(g, options.max_tokens, threads);
  PagePlan pages = pages_of(g, options);
  f.kv_page = pages.page_bytes();
  f.groups = std::move(pages.groups);
  f.state_slot = static_cast<size_t>(state_stride(g)) * sizeof(float);
  return f;
}

// Of one attention node: mean and unit of every head's channels.
size_t key_frame_bytes(const kernel::KvLayout& layout) {
  return layout.centred ? 2 * Arena::rounded(sizeof(float) * layout.n_head_kv * layout.d_k) : 0;
}

Graph run_passes(Graph graph, const ExecutorOptions& options) {
  if (options.fuse)
    for (const Pass& pass : passes(options.exact)) pass.run(graph);
  return graph;
}

}  // namespace

int64_t scratch_floats(const Graph& g) {
  int64_t widest = 0;
  for (const Value& v : g.values) widest = std::max(widest, v.width());
  int64_t floats = widest * kernel::kTileTokens;
  for (const Node& node : g.nodes) {
    floats = std::max(floats, recurrent_scratch_floats(node));
    if (node.op != Op::head_linear) continue;
    for (int w : node.weights)
      floats = std::max(floats, head_linear_floats(g.weights[w].tensor->cols()));
  }
  return floats;
}

Execute execute_of(Op op) {
  switch (op) {
    case Op::embed: return execute_embed;
    case Op::rms_norm: return execute_rms_norm;
    case Op::layer_norm: return execute_layer_norm;
    case Op::linear: return execute_linear;
    case Op::linear_glu: return execute_linear_glu;
    case Op::rope: return execute_rope;
    case Op::experts: return execute_experts;
    case Op::head_linear: return execute_head_linear;
    case Op::latent_row: return execute_latent_row;
    case Op::attention: return execute_attention;
    case Op::glu: return execute_glu;
    case Op::activate: return execute_activate;
    case Op::scale: return execute_scale;
    case Op::clamp: return execute_clamp;
    case Op::add: return execute_add;
    case Op::softcap: return execute_softcap;
    case Op::select: return execute_select;
    case Op::pool: return execute_pool;
    case Op::quantise: return execute_quantise;
    case Op::gated_norm: return execute_gated_norm;
    case Op::conv1d: return execute_conv1d;
    case Op::selective_scan: return execute_selective_scan;
    case Op::ssd_scan: return execute_ssd_scan;
    case Op::delta_rule: return execute_delta_rule;
  }
  STRATA_CHECK(false);
}

struct Executor::Impl {
  Impl(Graph g, ThreadPool& p, const ExecutorOptions& o)
      : graph(std::move(g)), pool(p), options(o),
        plan(plan_memory(graph, o.max_tokens, o.max_outputs)),
        weights(graph, pool, {.layout_file = o.layout_file, .node_of_thread = o.node_of_thread,
                              .interleave = o.interleave, .binder = o.binder,
                              .on_progress = o.on_progress}),
        sizes(footprint_of(graph, plan, p.size(), o)),
        pages(pages_of(graph, o)) {
    if (graph.states.empty()) options.state_slots = 0;
    const size_t needed = sizes.total(options.kv_pages, options.state_slots);
    const size_t available = memory_available();
    if (needed > available) {
      throw Error(
          Code::resource_exhausted,
          fmt::format("not enough memory: the model needs {} bytes (weights {}, activations "
                      "{}, {} KV pages of {}, {} states of {}), {} are available; choose a "
                      "smaller model, context or --kv-cache-bytes",
                      needed, sizes.weights, sizes.activations, options.kv_pages, sizes.kv_page,
                      options.state_slots, sizes.state_slot, available));
    }
    size_t frames = 0;
    for (const Node& node : graph.nodes)
      if (node.op == Op::attention)
        frames += key_frame_bytes(layout_of(graph.caches[node.cache], options));
    vectors = Arena(vector_bytes(graph) + frames);
    shared = Memory(std::max<size_t>(plan.shared_bytes, 64));
    kv = Memory(std::max<size_t>(sizes.kv_page * options.kv_pages, 64));
    states = Memory(std::max<size_t>(sizes.state_slot * options.state_slots, 64));
    // Any thread may attend any head: on several nodes the cache lies on all of them.
    if (options.interleave || !options.node_of_thread.empty()) {
      NumaBinder& binder = options.binder ? *options.binder : system_binder();
      binder.interleave(kv.data(), kv.size());
    }
    prepare_run();
    compile();
    load_weights();
    log::info("weights: {}; KV cache: {} pages of {} bytes ({}), {}", weights.describe(),
              options.kv_pages, sizes.kv_page, groups_text(), pages_text(kv.pages()));
    if (options.state_slots > 0)
      log::info("recurrent states: {} of {} bytes", options.state_slots, sizes.state_slot);
  }

  // What a block takes.
  std::string groups_text() const {
    std::string text;
    for (const CacheGroup& g : pages.groups)
      text += fmt::format("{}{} a block{}", text.empty() ? "" : ", ", g.n_page,
                          g.window > 0 ? fmt::format(" within {} positions", g.window) : "");
    return text.empty() ? "no layer has one" : text;
  }

  // Of page 0 of a lane.
  uint8_t* lane(int index) const {
    size_t before = 0;
    for (int l = 0; l < index; ++l) before += pages.lanes[l];
    return kv.data() + before * static_cast<size_t>(options.kv_pages);
  }

  void prepare_run() {
    const int threads = pool.size();
    run.graph = &graph;
    run.pool = &pool;
    run.threads = run.shares = threads;
    run.deterministic = options.deterministic;
    run.states = reinterpret_cast<float*>(states.data());
    run.state_stride = state_stride(graph);
    const auto tokens = static_cast<size_t>(options.max_tokens);
    run.experts = make_expert_room(graph, options.max_tokens, threads);
    run.position.resize(tokens);
    run.block.resize(tokens);
    run.slot.resize(tokens);
    run.output_token.reserve(options.max_outputs);
    for (const RopeSpec& spec : graph.ropes) {
      const int half = spec.d / 2;
      run.ropes.push_back({.cos = std::vector<float>(tokens * half),
                           .sin = std::vector<float>(tokens * half),
                           .half = half});
      if (kernel::KvLayout{options.kv_type}.quantised())
        prepare_block_angles(spec, run.ropes.back(), options.max_tokens);
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

  float* load_vector(const StoredTensor& tensor) {
    auto* out = reinterpret_cast<float*>(
        vectors.allocate(static_cast<size_t>(tensor.elements()) * sizeof(float)));
    to_f32(tensor, out);
    return out;
  }

  void load_norm(Step& step, const Weight& weight) {
    float* gain = load_vector(*weight.tensor);
    // rms_norm adds its offset itself.
    if (step.node->op == Op::layer_norm)
      for (int64_t i = 0; i < weight.tensor->elements(); ++i) gain[i] += step.node->offset;
    step.vectors = {gain, weight.bias ? load_vector(*weight.bias) : nullptr};
    step.norm_width = graph.values[step.node->in[0]].d;
    step.norm_shared = weight.tensor->elements() == step.norm_width;
  }

  // The stored [rows][cols] as [cols][rows]: channels lie side by side.
  float* load_transposed(const StoredTensor& tensor, int64_t cols) {
    float* out = load_vector(tensor);
    const int64_t rows = tensor.elements() / cols;
    const std::vector<float> stored(out, out + rows * cols);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) out[c * rows + r] = stored[r * cols + c];
    return out;
  }

  void load_convolution(Step& step, const Weight& weight) {
    const Node& node = *step.node;
    float* taps = load_transposed(*weight.tensor, node.taps);
    const int64_t channels = weight.tensor->elements() / node.taps;
    int64_t begin = 0;
    for (const ChannelFactor& f : node.factors) {
      for (int64_t row = 0; row < node.taps; ++row) {
        float* part = taps + row * channels + begin;
        kernel::scale(part, f.factor, f.count, part);
      }
      begin += f.count;
    }
    step.vectors = {taps, weight.bias ? load_vector(*weight.bias) : nullptr};
  }

  void load_operands(Step& step) {
    const Node& node = *step.node;
    for (size_t i = 0; i < node.weights.size(); ++i) {
      const Weight& weight = graph.weights[node.weights[i]];
      if (weight.matrix) add_matrix(step, node.weights[i]);
      else if (is_norm(node.op)) load_norm(step, weight);
      else if (node.op == Op::conv1d) load_convolution(step, weight);
      else if (node.op == Op::selective_scan && i == 0)
        step.vectors = {load_transposed(*weight.tensor, graph.values[node.in[2]].width())};
      else step.vectors.push_back(load_vector(*weight.tensor));
    }
  }

  void add_matrix(Step& step, int index) {
    const Weight& weight = graph.weights[index];
    const StoredTensor& tensor = *weight.tensor;
    step.matrices.push_back(
        {.type = tensor.type, .rows = tensor.shape[0], .cols = tensor.shape[1]});
    step.weights.push_back(index);
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
        if (b < e) step.shares[t] = {{0, b, e}, {1, b, e}};
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

  // Until keys are measured: as if they were not centred.
  void make_key_frame(Step& step) {
    const size_t n = static_cast<size_t>(step.layout.n_head_kv) * step.layout.d_k;
    step.key_mean = reinterpret_cast<float*>(vectors.allocate(n * sizeof(float)));
    step.key_unit = reinterpret_cast<float*>(vectors.allocate(n * sizeof(float)));
    std::fill_n(step.key_mean, n, 0.0f);
    std::fill_n(step.key_unit, n, 1.0f);
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
    int counters = 0, cursors = 0;
    for (const Node& node : graph.nodes) {
      Step step;
      step.node = &node;
      step.execute = execute_of(node.op);
      step.quantises = quantises(graph, node);
      step.meets_few = barrier_after(graph, node, 1);
      step.meets_many = barrier_after(graph, node, kPrivateRowsMax + 1);
      for (int v : node.in) step.in.push_back(buffer(v));
      for (int v : node.out) step.out.push_back(buffer(v));
      if (node.residual != kNone) step.residual = buffer(node.residual);
      if (node.op != Op::embed) load_operands(step);
      if (node.state != kNone) {
        for (int before = 0; before < node.state; ++before)
          step.state_offset += state_part(graph.states[before]);
      }
      if (node.op == Op::experts) {
        step.counter = counters;
        counters += 2;
      } else if (is_linear(node.op)) {
        share_out(step);
        for (const std::vector<Share>& own : step.shares) {
          int64_t groups = 0;
          for (const Share& share : own) groups += share.end - share.begin;
          step.share_groups.push_back(node.op == Op::linear_glu ? groups / 2 : groups);
        }
        step.first_cursor = cursors;
        cursors += pool.size();
      }
      if (node.op == Op::attention) {
        step.layout = layout_of(graph.caches[node.cache], options);
        const PagePlan::Place& place = pages.places[node.cache];
        step.cache = lane(place.lane) + place.within;
        step.page_stride = pages.lanes[place.lane];
        step.column = place.column;
        if (step.layout.centred) make_key_frame(step);
        step.work = attention_work(node);
        step.counter = counters++;
      }
      steps.push_back(std::move(step));
    }
    run.next = std::vector<std::atomic<int>>(counters);
    run.cursors = std::vector<WorkCursor>(cursors);
    for (AttentionWork& work : run.attention) {
      prepare_attention(work, options.max_tokens, options.max_sequences, pool.size(), run);
    }
    const Value& out = graph.values[graph.output()];
    STRATA_CHECK(out.rows == Rows::outputs);
    logits = buffer(graph.output()).f32;
  }

  int node_of(int thread) const {
    return options.node_of_thread.empty() ? 0 : options.node_of_thread[thread];
  }

  // The groups of matrix `i` that each node's threads multiply; a node's threads are neighbours.
  std::vector<NodeGroups> node_groups(const Step& step, size_t i) const {
    std::vector<NodeGroups> groups;
    for (int t = 0; t < pool.size(); ++t) {
      for (const Share& share : step.shares[t]) {
        if (share.matrix != static_cast<int>(i)) continue;
        if (!groups.empty() && groups.back().node == node_of(t)) groups.back().end = share.end;
        else groups.push_back({.node = node_of(t), .begin = share.begin, .end = share.end});
      }
    }
    return groups;
  }

  void load_weights() {
    if (!options.node_of_thread.empty()) {
      for (const Step& step : steps)
        for (size_t i = 0; i < step.matrices.size() && !step.shares.empty(); ++i)
          weights.split(step.weights[i], node_groups(step, i));
    }
    weights.load();
    for (Step& step : steps) {
      for (size_t i = 0; i < step.matrices.size(); ++i)
        step.matrices[i] = weights.matrix(step.weights[i]);
      for (int t = 0; t < static_cast<int>(step.shares.size()); ++t)
        for (Share& share : step.shares[t]) {
          share.weights = weights.matrix(step.weights[share.matrix], node_of(t));
          share.weights.round_input = !options.exact;
        }
    }
    for (const Node& node : graph.nodes) {
      if (node.op == Op::embed) continue;
      for (int w : node.weights) graph.source().release(*graph.weights[w].tensor);
    }
  }

  // Position, block and slot of every token; the rows whose logits are wanted.
  void lay_out(const Batch& batch) {
    run.tokens = batch.tokens;
    run.sequences = batch.sequences;
    run.pages = batch.pages;
    STRATA_CHECK(run.pages.ids || pages.n_column() <= 1);
    run.n_tokens = static_cast<int64_t>(batch.tokens.size());
    STRATA_CHECK(run.n_tokens <= options.max_tokens);
    run.output_token.clear();
    for (const SequenceSlice& seq : batch.sequences) {
      STRATA_CHECK(seq.first_token + seq.n_token <= run.n_tokens && seq.n_logits <= seq.n_token);
      STRATA_CHECK(graph.states.empty() || (seq.state >= 0 && seq.state < options.state_slots));
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
    // Nobody takes shares before the barrier that ends the embedding.
    for (size_t i = thread; i < run.cursors.size(); i += run.threads)
      run.cursors[i].next.store(0, std::memory_order_relaxed);
    int64_t start = profiling && thread == 0 ? now_ns() : 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      step.execute(step, run, thread);
      if (run.privately(step.out[0].rows) ? step.meets_few : step.meets_many) pool.barrier(thread);
      if (profiling && thread == 0) {
        const int64_t end = now_ns();
        node_ns[i] += end - std::exchange(start, end);
      }
    }
  }

  Graph graph;
  ThreadPool& pool;
  ExecutorOptions options;
  MemoryPlan plan;
  PackedWeights weights;
  Footprint sizes;
  PagePlan pages;
  Arena vectors;
  Memory shared, kv, states;
  std::vector<Memory> private_memory;
  std::vector<Step> steps;
  Run run;
  float* logits = nullptr;
  bool profiling = false;
  std::vector<int64_t> node_ns;
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
  impl_->run.threads = impl_->pool.adapt();
  impl_->lay_out(batch);
  impl_->pool.run_some([this](int thread) { impl_->execute(thread); });
  return impl_->logits;
}

void Executor::measure_keys(std::span<const int32_t> tokens) {
  std::vector<int32_t> blocks((tokens.size() + kernel::kKvBlock - 1) / kernel::kKvBlock);
  std::iota(blocks.begin(), blocks.end(), 0);
  std::vector<int32_t> pages(blocks.size() * impl_->pages.n_column());
  std::iota(pages.begin(), pages.end(), 0);
  const SequenceSlice all{.n_token = static_cast<int>(tokens.size()),
                          .blocks = blocks.data(),
                          .n_logits = 1,
                          .state = impl_->graph.states.empty() ? -1 : 0};
  // What is measured is to be the same whatever the number of threads.
  const bool deterministic = std::exchange(impl_->run.deterministic, true);
  impl_->run.measuring = true;
  run({.tokens = tokens,
       .sequences = {&all, 1},
       .pages = {.ids = pages.data(), .n_block = std::ssize(blocks)}});
  impl_->run.measuring = false;
  impl_->run.deterministic = deterministic;
}

void Executor::profile(bool on) {
  impl_->profiling = on;
  if (on) impl_->node_ns.assign(impl_->steps.size(), 0);
}

std::span<const int64_t> Executor::node_ns() const { return impl_->node_ns; }

void Executor::copy_page(int32_t from, int32_t to) {
  for (size_t l = 0; l < impl_->pages.lanes.size(); ++l) {
    const size_t bytes = impl_->pages.lanes[l];
    uint8_t* lane = impl_->lane(static_cast<int>(l));
    std::memcpy(lane + bytes * to, lane + bytes * from, bytes);
  }
}

void Executor::read_page(int32_t page, uint8_t* out) const {
  for (size_t l = 0; l < impl_->pages.lanes.size(); ++l) {
    const size_t bytes = impl_->pages.lanes[l];
    std::memcpy(out, impl_->lane(static_cast<int>(l)) + bytes * page, bytes);
    out += bytes;
  }
}

void Executor::write_page(int32_t page, const uint8_t* in) {
  for (size_t l = 0; l < impl_->pages.lanes.size(); ++l) {
    const size_t bytes = impl_->pages.lanes[l];
    std::memcpy(impl_->lane(static_cast<int>(l)) + bytes * page, in, bytes);
    in += bytes;
  }
}

void Executor::copy_state(int32_t from, int32_t to) {
  const int64_t stride = impl_->run.state_stride;
  std::memcpy(impl_->run.states + stride * to, impl_->run.states + stride * from,
              static_cast<size_t>(stride) * sizeof(float));
}

int64_t Executor::n_vocab() const { return impl_->graph.values[impl_->graph.output()].width(); }
const Graph& Executor::graph() const { return impl_->graph; }
const ExecutorOptions& Executor::options() const { return impl_->options; }
const Footprint& Executor::footprint() const { return impl_->sizes; }
ThreadPool& Executor::pool() const { return impl_->pool; }

double Executor::step_weight_bytes() const {
  double total = 0;
  for (const Step& step : impl_->steps) {
    for (size_t i = 0; i < step.matrices.size(); ++i) {
      const kernel::Matrix& m = step.matrices[i];
      total += weight_share(impl_->graph, *step.node, i) *
               static_cast<double>(kernel::group_bytes(m.type, m.cols)) * m.groups();
    }
  }
  return total;
}

double Executor::step_state_bytes() const {
  return 2 * static_cast<double>(impl_->sizes.state_slot);
}

double Executor::kv_position_bytes(int cache) const {
  return layout_of(impl_->graph.caches[cache], impl_->options).position_bytes();
}

double Executor::step_kv_bytes(int64_t depth) const {
  double total = 0;
  for (const CacheSpec& spec : impl_->graph.caches) {
    const int64_t positions = spec.window > 0 ? std::min<int64_t>(depth, spec.window) : depth;
    total += static_cast<double>(positions) *
             layout_of(spec, impl_->options).position_bytes();
  }
  return total;
}

}  // namespace strata::graph
