// What a client asks of the engine, and what comes back.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::engine {

using Token = int32_t;
class Constraint;

/// Names and meanings are those of the OpenAI API and vLLM. Defaults: unmodified distribution.
struct SamplingParams {
  float temperature = 1;            // 0: greedy
  int top_k = 0;                    // 0 or -1: off
  float top_p = 1;
  float min_p = 0;
  float typical_p = 1;              // arXiv:2202.00666
  float repetition_penalty = 1;     // arXiv:1909.05858, over prompt and output
  float presence_penalty = 0, frequency_penalty = 0;   // over output
  std::map<Token, float> logit_bias;
  std::optional<uint64_t> seed;     // none: a fresh one
  int logprobs = -1;                // -1: none; n: of the chosen token and of the n best (<= 20)
  int max_tokens = -1;              // -1: up to the context; 0: only the prompt (echo)
  int min_tokens = 0;               // no stop token before
  std::vector<Token> stop_tokens;   // besides the model's own
  bool ignore_eos = false;
  std::vector<Token> allowed_tokens = {};        // not empty: no others
  std::vector<std::vector<Token>> bad_words = {};   // never generated as a whole; none is empty
  float top_n_sigma = 0;            // 0: off; arXiv:2411.07641
  // Of the candidates above the threshold all but the least probable go, with this probability.
  float xtc_probability = 0, xtc_threshold = 0.1f;
  // Penalty on tokens that would lengthen a repetition ("don't repeat yourself").
  float dry_multiplier = 0, dry_base = 1.75f;
  int dry_allowed_length = 2, dry_penalty_last_n = -1;   // -1: the whole context
  std::vector<Token> dry_breakers = {};   // ascending; repetitions do not reach over them
  int mirostat = 0;                 // 0: off; 1, 2: in place of the truncations; arXiv:2007.14966
  float mirostat_tau = 5, mirostat_eta = 0.1f;
};

struct Request {
  std::vector<Token> prompt;        // not empty
  SamplingParams sampling;
  std::string cache_salt;           // prefixes are shared only among requests of one salt
  int n = 1;                        // sequences that share the prompt
  int priority = 0;                 // lower runs first
  uint32_t tenant = 0;              // whose it is (API key): tenants are served fairly
  double deadline_s = 0;            // seconds after its arrival; 0: none. Earlier ones run first
  int prompt_logprobs = -1;         // of the prompt's tokens: as SamplingParams::logprobs
  // What each of the n sequences may say; null: anything. It is cloned, never changed.
  std::shared_ptr<const Constraint> constraint = {};
};

/// expired: past its deadline.
enum class Finish : uint8_t { none, stop, length, cancelled, expired, error };
std::string_view name(Finish);      // "stop", "length", ...

struct TokenLogprob {
  Token token;
  float logprob;
};
struct Generated {
  Token token;
  float logprob = 0;                       // when asked for
  std::vector<TokenLogprob> top;           // best first
  int rank = 0;                            // of a prompt's token: 1 is the most probable
};

/// A stop token counts among the completion tokens, though it is not reported as generated.
struct Usage {
  int prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
};

/// Delivered in order on the engine's thread: return quickly, never throw, never call submit() from
/// it; cancel() and finish() are allowed. After finish != none nothing more comes for that index.
struct Event {
  uint64_t id = 0;                  // request
  int index = 0;                    // which of the n sequences
  std::vector<Generated> tokens;    // may be empty on the last event
  std::vector<Generated> prompt;    // prompt logprobs, when asked for: with index 0's first event
                                    // (entry 0 has no logprob)
  Finish finish = Finish::none;
  std::string error;                // finish == error: what happened
  Token stop_token = -1;            // the token that ended it, if one did (not part of the text)
  Usage usage;                      // of this sequence so far
};
using OnEvent = std::function<void(const Event&)>;

}  // namespace strata::engine
