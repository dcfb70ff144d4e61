// One sequence: its tokens, and the blocks that hold their keys and values.
#pragma once
#include <cstdint>
#include <tuple>
#include <vector>

#include "engine/kv/kv_shape.h"
#include "engine/request.h"
#include "graph/state_mark.h"

namespace strata::engine {

struct Sequence {
  enum class State : uint8_t { idle, waiting, running };

  // Set by the owner before Scheduler::add.
  uint64_t request = 0;
  int index = 0;                 // which of the request's n sequences
  int priority = 0;              // lower runs first
  uint32_t tenant = 0;           // whose service it counts towards
  double due = 0;                // then the one due first, seconds of the caller's clock
  uint64_t arrival = 0;          // then the earlier one
  std::vector<Token> tokens;     // prompt, then what was generated
  int n_prompt = 0;
  uint64_t salt = 0;             // prefixes are shared among sequences of one salt
  int n_total_max = 0;           // tokens at which it ends; the last one is never computed
  std::vector<Token> draft;      // tokens that may follow, to be verified in the next step
  int n_unforked = 0;            // further sequences that will start from this one's prompt
  bool score_prompt = false;     // logits of all prompt rows are wanted

  // Kept by the scheduler.
  State state = State::idle;
  bool planned = false;          // part of the step being planned
  int n_past = 0;                // tokens whose keys and values are in `table`
  int n_cached = -1;             // of the prompt, found in the prefix tree; -1: not admitted yet
  int n_committed = 0;           // leading blocks known to the prefix tree
  int n_known = 0;               // blocks that the prefix tree knew when it was looked for last
  BlockTable table;
  int32_t state_slot = -1;       // of its recurrent state, which is that after n_past tokens
  std::vector<graph::StateMark> marks;   // of the step: snapshots, then checkpoints of drafts

  int n_tokens() const { return static_cast<int>(tokens.size()); }
  int n_left() const { return n_tokens() - n_past; }
  int n_generated() const { return n_tokens() - n_prompt; }
};

/// The order in which sequences are served; a preempted one keeps its place.
inline bool before(const Sequence& a, const Sequence& b) {
  return std::tie(a.priority, a.due, a.arrival, a.index) <
         std::tie(b.priority, b.due, b.arrival, b.index);
}

}  // namespace strata::engine
