#include "engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/topology.h"
#include "engine/narrow_weights.h"
#include "graph/executor.h"
#include "kernel/ops.h"
#include "model/arch.h"

namespace strata::engine {
namespace {

/// What one submit() asked for.
struct Job {
  std::vector<std::vector<Token>> inputs;
  std::vector<std::vector<float>> vectors;
  size_t left = 0;
  Embedder::OnDone done;
};

struct Item {
  std::shared_ptr<Job> job;
  size_t index = 0;
  std::span<const Token> tokens() const { return job->inputs[index]; }
};

int blocks_for(int64_t tokens) {
  return static_cast<int>((tokens + kernel::kKvBlock - 1) / kernel::kKvBlock);
}

void normalise(std::vector<float>& v) {
  double square = 0;
  for (float x : v) square += double{x} * x;
  const auto factor = static_cast<float>(1 / std::max(std::sqrt(square), 1e-12));
  kernel::scale(v.data(), factor, static_cast<int64_t>(v.size()), v.data());
}

bool reads_narrow(const EmbedderOptions& o) {
  return o.precision == Precision::fast && NarrowWeights::pays();
}

struct EmbedderPlan {
  graph::Graph graph;
  graph::ExecutorOptions options;
};

/// Fills in the options that were left to choose.
EmbedderPlan plan_embedder(const model::Model& model, const graph::WeightSource& weights,
                           EmbedderOptions& o, int threads) {
  o.threads = threads;
  if (o.pooling == model::Pooling::none) o.pooling = model::default_pooling(model);
  graph::Graph graph = model::build_graph(
      *model.arch, model.hyper, weights, {.context = o.max_model_len, .pooling = o.pooling});
  int context = model.hyper.n_context;
  if (const int64_t most = graph.max_positions(); most > 0)
    context = std::min(context, static_cast<int>(most));
  if (o.max_model_len == 0) o.max_model_len = context;
  o.max_model_len = std::min(o.max_model_len, context);
  o.max_num_batched_tokens = std::max(o.max_num_batched_tokens, o.max_model_len);
  o.max_num_seqs = std::clamp(o.max_num_seqs, 1, o.max_num_batched_tokens);
  const bool exact = o.precision == Precision::exact;
  graph::ExecutorOptions e{.max_tokens = o.max_num_batched_tokens,
                           .max_outputs = o.max_num_seqs,
                           .max_sequences = o.max_num_seqs,
                           .kv_pages = blocks_for(o.max_num_batched_tokens) + o.max_num_seqs,
                           .kv_type = exact ? kernel::KvType::f32 : kernel::KvType::f16,
                           .exact = exact};
  return {std::move(graph), std::move(e)};
}

}  // namespace

size_t plan_memory(const model::Model& model, const EmbedderOptions& options) {
  EmbedderOptions o = options;
  const int threads = o.threads > 0 ? o.threads : default_threads(topology());
  const NarrowWeights narrow(*model.weights);
  const EmbedderPlan plan =
      reads_narrow(o) ? plan_embedder(model, narrow, o, threads)
                      : plan_embedder(model, *model.weights, o, threads);
  return graph::Executor::footprint(plan.graph, threads, plan.options)
      .total(plan.options.kv_pages, 0);
}

struct Embedder::Impl {
  Impl(std::shared_ptr<const model::Model> m, const EmbedderOptions& o)
      : model(std::move(m)), options(o),
        pool({.threads = o.threads, .cpus = {}, .pin = true}) {
    const bool narrow = reads_narrow(options);
    EmbedderPlan plan = plan_embedder(*model, narrow ? narrow_weights : whole_weights, options,
                                      pool.size());
    executor = std::make_unique<graph::Executor>(std::move(plan.graph), pool, plan.options);
    blocks.resize(static_cast<size_t>(executor->options().kv_pages));
    std::iota(blocks.begin(), blocks.end(), 0);
    thread = std::thread([this] { work(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    ready.notify_all();
    thread.join();
    for (const Item& item : waiting) {
      if (!item.job->done) continue;
      item.job->done({}, "the server is shutting down");
      item.job->done = nullptr;
    }
  }

  void check(const std::vector<std::vector<Token>>& inputs) const {
    for (const std::vector<Token>& input : inputs) {
      if (input.empty()) fail(Code::invalid_argument, "an input without tokens");
      if (std::ssize(input) > options.max_model_len) {
        throw Error(Code::invalid_argument,
                    fmt::format("an input of {} tokens exceeds the model's context of {}",
                                input.size(), options.max_model_len),
                    "context_length_exceeded", "input");
      }
      for (Token t : input) {
        if (t < 0 || t >= model->hyper.n_vocab)
          fail(Code::invalid_argument, "token {} is outside the vocabulary of {}", t,
               model->hyper.n_vocab);
      }
    }
  }

  void submit(std::vector<std::vector<Token>> inputs, OnDone done) {
    check(inputs);
    auto job = std::make_shared<Job>();
    job->left = inputs.size();
    job->vectors.resize(inputs.size());
    job->inputs = std::move(inputs);
    job->done = std::move(done);
    if (job->left == 0) return job->done({}, {});
    {
      std::lock_guard lock(mutex);
      if (stopping) fail(Code::unavailable, "the server is shutting down");
      if (waiting.size() + job->left > static_cast<size_t>(options.max_waiting))
        fail(Code::resource_exhausted, "{} texts are waiting already; try again later",
             waiting.size());
      for (size_t i = 0; i < job->left; ++i) waiting.push_back({job, i});
    }
    ready.notify_all();
  }

  // As many of the first as fit into a step.
  std::vector<Item> take() {
    std::unique_lock lock(mutex);
    ready.wait(lock, [this] { return stopping || !waiting.empty(); });
    std::vector<Item> step;
    if (stopping) return step;
    size_t tokens = 0;
    while (!waiting.empty() && step.size() < static_cast<size_t>(options.max_num_seqs)) {
      tokens += waiting.front().tokens().size();
      if (tokens > static_cast<size_t>(options.max_num_batched_tokens)) break;
      step.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return step;
  }

  void work() {
    for (;;) {
      const std::vector<Item> step = take();
      if (step.empty()) return;
      std::string error;
      try {
        run(step);
      } catch (const std::exception& e) {
        error = e.what();
        log::error("embedding failed: {}", error);
      }
      for (const Item& item : step) {
        Job& job = *item.job;
        --job.left;
        if (!job.done || (error.empty() && job.left > 0)) continue;
        job.done(std::move(job.vectors), error);
        job.done = nullptr;
      }
    }
  }

  void run(const std::vector<Item>& step) {
    tokens.clear();
    slices.clear();
    const int32_t* block = blocks.data();
    for (const Item& item : step) {
      const auto input = item.tokens();
      slices.push_back({.first_token = std::ssize(tokens),
                        .n_token = static_cast<int>(input.size()),
                        .n_past = 0,
                        .blocks = block,
                        .n_logits = 1});
      block += blocks_for(std::ssize(input));
      tokens.insert(tokens.end(), input.begin(), input.end());
    }
    const float* rows = executor->run({.tokens = tokens, .sequences = slices});
    const int64_t width = executor->n_vocab();
    for (size_t i = 0; i < step.size(); ++i) {
      std::vector<float>& v = step[i].job->vectors[step[i].index];
      v.assign(rows + width * static_cast<int64_t>(i), rows + width * static_cast<int64_t>(i + 1));
      if (options.normalise && options.pooling != model::Pooling::rank) normalise(v);
    }
  }

  const std::shared_ptr<const model::Model> model;
  const graph::WeightSource& whole_weights = *model->weights;
  const NarrowWeights narrow_weights{whole_weights};
  EmbedderOptions options;
  ThreadPool pool;
  std::unique_ptr<graph::Executor> executor;
  std::vector<int32_t> blocks;
  std::vector<Token> tokens;
  std::vector<graph::SequenceSlice> slices;

  std::mutex mutex;
  std::condition_variable ready;
  std::deque<Item> waiting;
  bool stopping = false;
  std::thread thread;   // last: it uses what is above
};

Embedder::Embedder(std::shared_ptr<const model::Model> model, const EmbedderOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Embedder::~Embedder() = default;

void Embedder::submit(std::vector<std::vector<Token>> inputs, OnDone done) {
  impl_->submit(std::move(inputs), std::move(done));
}

std::vector<std::vector<float>> Embedder::embed(std::vector<std::vector<Token>> inputs) {
  std::promise<std::pair<std::vector<std::vector<float>>, std::string>> result;
  submit(std::move(inputs), [&](std::vector<std::vector<float>> vectors, std::string error) {
    result.set_value({std::move(vectors), std::move(error)});
  });
  auto [vectors, error] = result.get_future().get();
  if (!error.empty()) fail(Code::internal, "{}", error);
  return std::move(vectors);
}

std::vector<Token> Embedder::encode(std::string_view text, int most) const {
  const model::Tokenizer& tokenizer = *model().tokenizer;
  std::vector<Token> ids = tokenizer.encode(text, {.add_special = true});
  const int limit = model::text_limit(model());
  if (most == 0 || (limit > 0 && limit < most)) most = limit;
  if (most == 0 || std::ssize(ids) <= most) return ids;
  const Token last = ids.back();
  ids.resize(static_cast<size_t>(most));
  if (tokenizer.is_special(last)) ids.back() = last;
  return ids;
}

int Embedder::width() const { return static_cast<int>(impl_->executor->n_vocab()); }
const model::Model& Embedder::model() const { return *impl_->model; }
const EmbedderOptions& Embedder::options() const { return impl_->options; }

}  // namespace strata::engine
