// Attention over the paged cache: store keys and values, then attend, then merge split positions.
#include <algorithm>

#include "graph/step/keys.h"

namespace strata::graph {
namespace {

constexpr int kBlock = kernel::kKvBlock;
constexpr int kTaskTokens = kAttentionTaskTokens;
constexpr int kTaskRows = 256;          // rows that reuse a head's K and V while in cache
constexpr int kSplitRows = 64;          // tasks of fewer rows may be split by positions
constexpr int kMostParts = 8;           // of split tasks, a thread
constexpr int kMinSplitBlocks = 4;      // positions are split only when each part has this many

const float* vector(const Step& s, int index) {
  return index == kNone ? nullptr : s.vectors[index];
}

// Query heads first, then pairs of key and value: one unit of work each.
void prepare(const Step& s, const Run& run, int thread) {
  const int n_head = static_cast<int>(s.in[0].width) / s.layout.d_k;
  const bool measuring = run.measuring && s.key_mean;
  if (measuring && thread == 0) measure_keys(s, run);
  const int units = n_head + (measuring ? 0 : s.layout.n_head_kv);
  const auto [begin, end] = split_evenly(run.n_tokens * units, thread, run.threads);
  for (int64_t i = begin; i < end; ++i) {
    const int unit = static_cast<int>(i % units);
    if (unit < n_head) prepare_query(s, run, i / units, unit);
    else store_key_value(s, run, i / units, unit - n_head);
  }
}

// The part of a task that reads and writes what no other task does.
void prepare_task(const Step& s, const Run& run, const AttentionWork& work,
                  const AttentionTask& task) {
  const int group = work.n_head / work.spec.n_head_kv;
  for (int64_t token = task.token_begin; token < task.token_end; ++token) {
    for (int i = 0; i < group; ++i) prepare_query(s, run, token, task.head * group + i);
    store_key_value(s, run, token, task.head);
  }
}

struct Span {
  int begin, end;
};

// The positions that a token sees, of a sequence that has `length` after this step.
Span seen(const AttentionOptions& options, int position, int length) {
  if (options.causal) {
    const int end = position + 1;
    return {options.window > 0 ? std::max(0, end - options.window) : 0, end};
  }
  if (options.window == 0) return {0, length};
  const int reach = options.window / 2;
  return {std::max(0, position - reach), std::min(length, position + reach + 1)};
}

int64_t partial_stride(const CacheSpec& spec) { return (spec.d_v + 15) / 16 * 16 + 16; }

int most_rows(const kernel::KvLayout& layout) {
  return std::min(kTaskRows, kernel::attend_rows_max(layout));
}

void attend_task(const Step& s, const Run& run, const AttentionWork& work,
                 const AttentionTask& task) {
  const SequenceSlice& seq = run.sequences[task.sequence];
  const int group = work.n_head / work.spec.n_head_kv;
  const AttentionOptions& options = s.node->attention;
  const float* sinks = vector(s, s.node->sinks);
  kernel::Attend a{.layout = s.layout};
  a.pool = s.cache;
  a.block_stride = s.page_stride;
  a.table = seq.blocks;
  a.pages = run.pages.column(s.column);
  a.head = task.head;
  if (s.key_unit) a.unit = s.key_unit + task.head * s.layout.d_k;
  a.scale = options.scale;
  a.softcap = options.softcap;
  kernel::AttendRow rows[kTaskRows];
  const int most = most_rows(s.layout);
  a.rows = rows;
  const int64_t total = (task.token_end - task.token_begin) * group;
  for (int64_t done = 0; done < total; done += a.n_row) {
    // Rows that share a pass agree on its first block: rows of one token do so in any company.
    const int64_t left = run.deterministic ? group - done % group : total - done;
    a.n_row = static_cast<int>(std::min<int64_t>(most, left));
    int first = INT32_MAX, last = 0;
    for (int i = 0; i < a.n_row; ++i) {
      const int64_t token = task.token_begin + (done + i) / group;
      const int head = task.head * group + static_cast<int>((done + i) % group);
      const auto [begin, end] = seen(options, run.position[token], seq.n_past + seq.n_token);
      rows[i] = {.q = s.in[0].f32 + token * s.in[0].width + head * s.layout.d_k,
                 .out = s.out[0].f32 + token * s.out[0].width + head * s.layout.d_v,
                 .begin = begin,
                 .end = end,
                 .position = run.position[token]};
      if (!options.alibi.empty()) rows[i].slope = options.alibi[head];
      if (sinks && task.split == 0) rows[i].sink = sinks[head];
      first = std::min(first, begin / kBlock);
      last = std::max(last, (end + kBlock - 1) / kBlock);
    }
    if (task.n_split > 1) {
      const auto [b, e] = split_evenly(last - first, task.split, task.n_split);
      last = first + static_cast<int>(e);
      first += static_cast<int>(b);
      for (int i = 0; i < a.n_row; ++i) {
        const int64_t slot = task.partial + task.split * total + done + i;
        rows[i].out = nullptr;
        rows[i].partial =
            const_cast<float*>(run.partials.data()) + slot * partial_stride(work.spec);
      }
    }
    a.block_begin = first;
    a.block_end = last;
    kernel::attend(a);
  }
}

void merge(const Step& s, Run& run, const AttentionWork& work, int thread) {
  const int group = work.n_head / work.spec.n_head_kv;
  const int64_t stride = partial_stride(work.spec);
  int64_t unit = 0;
  for (int index : work.split_tasks) {
    const AttentionTask& task = work.tasks[index];
    const int64_t rows = (task.token_end - task.token_begin) * group;
    for (int64_t row = 0; row < rows; ++row, ++unit) {
      if (unit % run.threads != thread) continue;
      const int64_t token = task.token_begin + row / group;
      const int head = task.head * group + static_cast<int>(row % group);
      kernel::attend_merge(run.partials.data() + (task.partial + row) * stride,
                           stride * rows, task.n_split, s.layout.d_v,
                           s.out[0].f32 + token * s.out[0].width + head * s.layout.d_v);
    }
  }
}

// How many parts the positions of `tasks` equal tasks are cut into: enough that the threads end
// together, each part no shorter than kMinSplitBlocks.
int choose_split(int tasks, int threads, int blocks) {
  const int most = std::min((4 * threads + tasks - 1) / tasks, blocks / kMinSplitBlocks);
  if (most < 2 || threads < 2) return 1;
  int best = 1;
  double best_share = 1e9;
  for (int n = 1; n <= most; ++n) {
    const int rounds = (tasks * n + threads - 1) / threads;
    const double share = static_cast<double>(rounds) / (tasks * n) + 0.002 * n;
    if (share < best_share - 1e-9) {
      best_share = share;
      best = n;
    }
  }
  return best;
}

}  // namespace

void prepare_attention(AttentionWork& work, int max_tokens, int max_sequences, int threads,
                       Run& run) {
  const int group = work.n_head / work.spec.n_head_kv;
  work.tasks.reserve(static_cast<size_t>(work.spec.n_head_kv) *
                         (max_sequences + max_tokens / kTaskTokens + 1) +
                     kMostParts * static_cast<size_t>(threads));
  work.split_tasks.reserve(work.tasks.capacity());
  // Each part has a slot for every row of its task.
  const size_t floats = static_cast<size_t>(partial_stride(work.spec)) * kMostParts *
                        (threads + 1) * std::max(kSplitRows, group);
  if (run.partials.size() < floats) run.partials.resize(floats);
}

void plan_attention(Run& run) {
  for (AttentionWork& work : run.attention) {
    work.tasks.clear();
    work.split_tasks.clear();
    const int group = work.n_head / work.spec.n_head_kv;
    int pieces = 0, longest = 0;
    for (const SequenceSlice& seq : run.sequences) {
      pieces += (seq.n_token + kTaskTokens - 1) / kTaskTokens * work.spec.n_head_kv;
      int positions = seq.n_past + seq.n_token;
      if (work.spec.window > 0) positions = std::min(positions, work.spec.window + seq.n_token);
      longest = std::max(longest, positions);
    }
    // Merging parts rounds differently from one pass, and their number depends on the batch.
    const int n_split =
        run.deterministic ? 1 : choose_split(std::max(pieces, 1), run.shares, longest / kBlock);
    int partial = 0;
    for (size_t i = 0; i < run.sequences.size(); ++i) {
      const SequenceSlice& seq = run.sequences[i];
      const int64_t end = seq.first_token + seq.n_token;
      // The last tokens first: they see most, and what is left at the end should be small.
      const int64_t last = seq.first_token + (seq.n_token - 1) / kTaskTokens * kTaskTokens;
      for (int64_t t = last; t >= seq.first_token; t -= kTaskTokens) {
        for (int head = 0; head < work.spec.n_head_kv; ++head) {
          AttentionTask task{.sequence = static_cast<int>(i), .head = head, .token_begin = t,
                             .token_end = std::min<int64_t>(t + kTaskTokens, end)};
          const int rows = static_cast<int>(task.token_end - t) * group;
          const bool few = rows <= std::max(kSplitRows, group);
          const int blocks = (seq.n_past + seq.n_token) / kBlock;
          if (few && n_split > 1 && blocks >= n_split * kMinSplitBlocks / 2) {
            task.n_split = n_split;
            task.partial = partial;
            partial += n_split * rows;
            work.split_tasks.push_back(static_cast<int>(work.tasks.size()));
          }
          for (task.split = 0; task.split < task.n_split; ++task.split) work.tasks.push_back(task);
        }
      }
    }
    work.apart = !run.measuring;
    for (const AttentionTask& task : work.tasks) {
      const SequenceSlice& seq = run.sequences[task.sequence];
      work.apart &= task.n_split == 1 && task.token_end - task.token_begin == seq.n_token;
    }
    const size_t needed = static_cast<size_t>(partial) * partial_stride(work.spec);
    if (run.partials.size() < needed) run.partials.resize(needed);
  }
}

void execute_attention(const Step& s, Run& run, int thread) {
  const AttentionWork& work = run.attention[s.work];
  if (!work.apart) {
    prepare(s, run, thread);
    run.pool->barrier(thread);
  }
  const int n = static_cast<int>(work.tasks.size());
  for (int i; (i = run.next[s.counter].fetch_add(1, std::memory_order_relaxed)) < n;) {
    if (work.apart) prepare_task(s, run, work, work.tasks[i]);
    attend_task(s, run, work, work.tasks[i]);
  }
  if (work.split_tasks.empty()) return;
  run.pool->barrier(thread);
  merge(s, run, work, thread);
}

}  // namespace strata::graph
