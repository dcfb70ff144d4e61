#include "engine/executor.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/topology.h"
#include "engine/graph_executor.h"
#include "graph/layout_file.h"
#include "model/arch.h"

namespace strata::engine {
namespace {

constexpr int kMaxBatchTokens = 65536;

int blocks_for(int64_t positions) { return static_cast<int>((positions + kBlock - 1) / kBlock); }

ThreadPool::Options pool_options(const EngineOptions& options) {
  const Topology machine = numa_topology(topology(), options.numa, sched_getcpu());
  const int threads = options.threads > 0 ? options.threads : default_threads(machine);
  return {.threads = threads, .cpus = place_threads(machine, threads), .pin = options.pin};
}

struct CacheWish {
  int wanted = 0;            // positions of a sequence
  int max_num_seqs = 0;
  int max_tokens = 0;        // of a step
  size_t bytes = 0;          // 0: to choose
  size_t share = 0;          // most that is chosen
};

struct CacheSizes {
  KvShape kv;
  int64_t state_slots = 0;
};

// Ids of blocks. Each takes a page at least where some layers see all positions. Where none does, a
// block that the windows have left is an id, and ids limit what the prefix tree can remember.
int64_t block_ids(const KvShape& kv, const CacheWish& w) {
  constexpr int64_t kFreeBlocksMax = 1 << 16;
  if (kv.bare_pages() > 0) return kv.n_page / kv.bare_pages();
  const int64_t blocks = blocks_for(w.wanted);
  const int64_t written = kv.block_pages() > 0 ? kv.n_page / kv.block_pages() : 0;
  return std::max({blocks, std::min(blocks * w.max_num_seqs, kFreeBlocksMax), written});
}

// Pages and state slots share one budget. A sequence's state has the same size whatever its
// length, so states come first, within half of it where a model keeps both.
CacheSizes divide_cache(const graph::Footprint& f, const CacheWish& w) {
  CacheSizes sizes;
  for (const graph::CacheGroup& g : f.groups)
    sizes.kv.groups.push_back({.reach = g.window > 0 ? reach_of(g.window) : KvGroup::kAll,
                               .n_page = g.n_page});
  const auto sequences = static_cast<size_t>(w.max_num_seqs);
  const auto bytes_of = [&](int positions) {
    return f.kv_page * static_cast<size_t>(sizes.kv.pages(blocks_for(positions), w.max_tokens));
  };
  size_t bytes = w.bytes;
  if (bytes == 0) {
    // All sequences at full length, within the share of what the weights leave free.
    const size_t full = (bytes_of(w.wanted) + 2 * f.state_slot) * sequences;
    const size_t least = bytes_of(std::min(w.wanted, 2048)) + 2 * f.state_slot;
    bytes = std::max(std::min(full, w.share), least);
  }
  if (f.state_slot > 0) {
    // As many again as sequences for the snapshots of prefixes; the least is one of each.
    const size_t share = f.kv_page > 0 ? bytes / 2 : bytes;
    const size_t slots = std::clamp<size_t>(share / f.state_slot, 2, 2 * sequences + 2);
    sizes.state_slots = static_cast<int64_t>(slots);
    bytes -= std::min(bytes, slots * f.state_slot);
  }
  const int64_t pages = f.kv_page > 0 ? static_cast<int64_t>(bytes / f.kv_page) : 0;
  sizes.kv.n_page = static_cast<int>(std::max<int64_t>(pages, sizes.kv.block_pages()));
  sizes.kv.n_block = static_cast<int>(std::max<int64_t>(1, block_ids(sizes.kv, w)));
  return sizes;
}

// Any tokens will do: what keys have in common comes from the weights. Early ids are those of
// common tokens in most vocabularies; the numbers are those of a linear congruential generator.
std::vector<Token> measured_tokens(int n_vocab, int most) {
  constexpr int kTokens = 128;
  std::vector<Token> tokens(std::min(kTokens, most));
  uint32_t x = 1;
  for (Token& token : tokens) {
    x = x * 1664525u + 1013904223u;
    token = static_cast<Token>((x >> 8) % static_cast<uint32_t>(std::max(1, n_vocab / 2)));
  }
  return tokens;
}

void choose_kv(EngineOptions& options, graph::ExecutorOptions& e) {
  std::string& name = options.kv_cache_dtype;
  constexpr std::string_view kPlain = "_plain";
  if (name == "auto") name = e.exact ? "f32" : "f16";
  const bool plain = name.ends_with(kPlain);
  const auto type = kernel::kv_type(name.substr(0, name.size() - (plain ? kPlain.size() : 0)));
  const bool coded = type && kernel::KvLayout{*type}.quantised();
  if (!type || (plain && !coded)) {
    fail(Code::invalid_argument,
         "kv_cache_dtype '{}': choose auto, f32, f16, bf16, q8_0, q4_0, q8_0_plain or "
         "q4_0_plain",
         name);
  }
  e.kv_type = *type;
  e.kv_rotated = coded && !plain;
}

}  // namespace

std::string layout_path(const model::Model& model) {
  std::error_code none;
  return std::filesystem::is_directory(model.path, none) ? model.path + "/strata.layout"
                                                         : model.path + ".layout";
}

void write_layout(const model::Model& model, const std::string& path, int threads) {
  ThreadPool pool({.threads = threads});
  const graph::Graph graph = model::build_graph(*model.arch, model.hyper, *model.weights);
  graph::write_layout_file(path, graph, pool);
}

namespace {

/// A graph and how its executor is to be made.
struct ExecutorPlan {
  graph::Graph graph;
  graph::ExecutorOptions options;
  graph::Footprint footprint;
  KvShape kv;
};

/// The context that fits, and with it the number of pages.
void choose_context(ExecutorPlan& plan, const model::Model& model, EngineOptions& options) {
  graph::ExecutorOptions& e = plan.options;
  const graph::Footprint& f = plan.footprint;
  size_t available = memory_available();
  if (options.memory_bytes > 0) available = std::min(available, options.memory_bytes);
  const size_t fixed = f.weights + f.activations;
  int context = model.hyper.n_context > 0 ? model.hyper.n_context : 4096;
  const int64_t most = plan.graph.max_positions();
  if (most > 0) context = std::min(context, static_cast<int>(most));
  int wanted = options.max_model_len > 0 ? options.max_model_len : context;
  if (wanted > context) {
    log::warn("max_model_len {} exceeds the context {} that the model was trained for", wanted,
              context);
  }
  if (most > 0 && wanted > most) {
    throw Error(Code::invalid_argument,
                fmt::format("max_model_len {} exceeds the {} positions that the model has "
                            "embeddings for",
                            wanted, most),
                {}, "max_model_len");
  }
  const size_t free = available > fixed ? available - fixed : 0;
  const CacheSizes cache = divide_cache(
      f, {.wanted = wanted,
          .max_num_seqs = options.max_num_seqs,
          .max_tokens = options.max_num_batched_tokens,
          .bytes = options.kv_bytes,
          .share = static_cast<size_t>(static_cast<double>(free) * options.kv_share)});
  plan.kv = cache.kv;
  e.kv_pages = plan.kv.n_page;
  e.state_slots = cache.state_slots;
  const size_t kv_bytes = f.kv_page * static_cast<size_t>(e.kv_pages);
  if (const int64_t holds = plan.kv.positions(); holds < wanted) {
    if (options.max_model_len > 0) {
      throw Error(Code::resource_exhausted,
                  fmt::format("max_model_len {} needs {} bytes of KV cache, --kv-cache-bytes or "
                              "free memory give {}",
                              wanted, f.kv_page * static_cast<size_t>(
                                                      plan.kv.pages(blocks_for(wanted), 1)),
                              kv_bytes),
                  {}, "max_model_len");
    }
    wanted = static_cast<int>(holds);
    log::info("context cut from {} to {} tokens: that is what {} bytes of KV cache hold", context,
              wanted, kv_bytes);
  }
  options.max_model_len = wanted;
  options.kv_bytes = kv_bytes + static_cast<size_t>(e.state_slots) * f.state_slot;
}

ExecutorPlan plan_executor(const model::Model& model, EngineOptions& options,
                           const ThreadPool::Options& threads) {
  options.threads = threads.threads;
  options.max_num_batched_tokens = std::clamp(options.max_num_batched_tokens, 1, kMaxBatchTokens);
  options.max_num_seqs = std::max(options.max_num_seqs, 1);
  const bool exact = options.precision == Precision::exact;
  ExecutorPlan plan{.graph = model::build_graph(*model.arch, model.hyper, *model.weights,
                                                {.context = options.max_model_len}),
                    .options = {.max_tokens = options.max_num_batched_tokens,
                                .max_outputs = std::max(options.max_num_seqs, 64),
                                .max_sequences = options.max_num_seqs,
                                .exact = exact,
                                .deterministic = options.deterministic},
                    .footprint = {},
                    .kv = {}};
  graph::ExecutorOptions& e = plan.options;
  e.by_window = options.kv_by_window;
  e.layout_file = options.layout_file.empty() ? layout_path(model) : options.layout_file;
  if (options.numa == NumaMode::shard) e.node_of_thread = nodes_of(topology(), threads.cpus);
  e.interleave = options.numa == NumaMode::distribute && topology().n_node > 1;
  e.on_progress = options.on_progress;
  choose_kv(options, e);
  plan.footprint = graph::Executor::footprint(plan.graph, threads.threads, e);
  choose_context(plan, model, options);
  return plan;
}

}  // namespace

size_t plan_memory(const model::Model& model, EngineOptions& options) {
  const ExecutorPlan plan = plan_executor(model, options, pool_options(options));
  return plan.footprint.total(plan.options.kv_pages, plan.options.state_slots);
}

GraphExecutor::GraphExecutor(const model::Model& model, EngineOptions& options, ThreadPool* pool)
    : own_pool_(pool ? nullptr : std::make_unique<ThreadPool>(pool_options(options))),
      pool_(pool ? *pool : *own_pool_) {
  ExecutorPlan plan =
      plan_executor(model, options, {.threads = pool_.size(), .cpus = pool_.cpus()});
  executor_ = std::make_unique<graph::Executor>(std::move(plan.graph), pool_, plan.options);
  kv_ = plan.kv;
  const graph::ExecutorOptions& e = plan.options;
  if (kernel::KvLayout{e.kv_type}.quantised() && plan.footprint.kv_page > 0) {
    const int64_t whole = int64_t{kv_.n_page} / kv_.block_pages() * kBlock;
    const auto room = std::min<int64_t>({e.max_tokens, whole, options.max_model_len});
    constexpr int64_t kTooFew = 16;   // means of so few tokens are theirs, not the model's
    if (room > kTooFew)
      executor_->measure_keys(measured_tokens(n_vocab(), static_cast<int>(room)));
  }
  slices_.reserve(static_cast<size_t>(options.max_num_seqs));
}

const float* GraphExecutor::run(const StepBatch& batch) {
  slices_.clear();
  for (const StepSequence& s : batch.sequences) {
    slices_.push_back({.first_token = s.first_token,
                       .n_token = s.n_token,
                       .n_past = s.n_past,
                       .blocks = s.blocks.data(),
                       .n_logits = s.n_logits,
                       .state = s.state,
                       .marks = s.marks});
  }
  return executor_->run({.tokens = batch.tokens, .sequences = slices_, .pages = batch.pages});
}

std::unique_ptr<StepExecutor> make_executor(const model::Model& model, EngineOptions& options) {
  return std::make_unique<GraphExecutor>(model, options);
}

std::unique_ptr<StepExecutor> make_draft_executor(const model::Model& model,
                                                  const model::Model& served,
                                                  EngineOptions options, ThreadPool& pool) {
  const auto refuse = [&](std::string_view why) {
    throw Error(Code::invalid_argument,
                fmt::format("{} cannot draft for {}: {}", model.name, served.name, why), {},
                "draft_model");
  };
  const model::Tokenizer *a = model.tokenizer.get(), *b = served.tokenizer.get();
  if (!a || !b) refuse("a tokenizer is missing");
  const int n = std::min(a->size(), b->size());
  for (Token t = 0; t < n; ++t)
    if (a->piece(t) != b->piece(t))
      refuse(fmt::format("token {} is '{}' in the one and '{}' in the other", t, a->piece(t),
                         b->piece(t)));
  options.kv_bytes = 0;
  options.layout_file.clear();
  // Its own context may be shorter: what lies beyond is decoded without drafts.
  options.max_model_len = std::min(options.max_model_len,
                                   model.hyper.n_context > 0 ? model.hyper.n_context
                                                             : options.max_model_len);
  auto executor = std::make_unique<GraphExecutor>(model, options, &pool);
  if (executor->n_state() > 0) refuse("recurrent models cannot take back what they have read");
  return executor;
}

}  // namespace strata::engine
