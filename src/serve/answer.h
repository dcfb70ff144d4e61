// An answer under way: the choices of all prompts of a request, and how an API writes them.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/request.h"
#include "engine/text_stream.h"

namespace strata::serve {

/// One of the n sequences of one of the prompts.
struct Choice {
  int index;                       // in the answer: prompt * n + sequence
  engine::TextStream stream;       // detokenises
  std::string text;                // all of it; kept only for an answer in one piece
  std::vector<engine::Generated> tokens;   // with logprobs, as far as not written yet
  std::vector<engine::Generated> prompt;   // prompt_logprobs, at the end
  int completion_tokens = 0;
  bool begun = false;              // something was written
  std::string finish;              // "stop", "length"; empty: goes on
  std::string stop;                // the stop string that ended it, if one did
  double last_s = 0;               // when tokens came last
};

/// A prompt repeated in front of its choices (echo).
struct Echo {
  std::string text;
  std::vector<engine::Generated> tokens;   // with logprobs, if asked for; entry 0 has none
};

/// New text of a choice, its logprobs, and at the end why it ended.
struct Delta {
  Choice& choice;
  std::string_view text;
  std::span<const engine::Generated> tokens;
  const Echo* echo = nullptr;      // comes before the text
  bool last = false;
  std::optional<engine::Usage> usage;   // continuous_usage_stats
};

/// The form of one API. Not thread-safe; one per answer.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;
  // A stream: what its parts append to the output. The defaults are the OpenAI API's.
  virtual std::string_view content_type() const;
  virtual void write(const Delta& delta, std::string& out) = 0;
  virtual void write_usage(const engine::Usage& usage, std::string& out) = 0;   // if asked for
  virtual void write_end(const engine::Usage& usage, std::string& out);
  virtual void write_error(const Error& error, std::string& out);
  /// The answer in one piece; echoes[i] is null or that of choices[i].
  virtual std::string whole(std::vector<Choice>& choices, std::span<const Echo* const> echoes,
                            const engine::Usage& usage) = 0;
};

}  // namespace strata::serve
