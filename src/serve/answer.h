// An answer under way: the choices of all prompts of a request, and how an API writes them.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/request.h"
#include "engine/text_stream.h"
#include "serve/part_reader.h"

namespace strata::serve {

/// A prompt repeated in front of its choices (echo).
struct Echo {
  std::string text;
  std::vector<engine::Generated> tokens;   // with logprobs, if asked for; entry 0 has none
};

/// Why a choice ended. calls: the model waits for what its calls return.
enum class Finish { none, stop, stop_string, length, calls };

struct AnswerUsage : engine::Usage {
  int reasoning_tokens = 0;        // of the completion's
};

/// One of the n sequences of one of the prompts.
struct Choice {
  int index;                       // in the answer: prompt * n + sequence
  engine::TextStream stream;       // tokens to text
  PartReader reader;               // text to parts
  const Echo* echo = nullptr;      // comes before the text
  std::vector<engine::Generated> tokens = {};   // with logprobs, as far as not written yet
  std::vector<engine::Generated> prompt = {};   // prompt_logprobs, at the end
  int completion_tokens = 0, reasoning_tokens = 0;
  bool begun = false;              // something was written
  Finish finish = Finish::none;
  std::string stop = {};           // the stop string that ended it, if one did
  double last_s = 0;               // when tokens came last
};

/// What is new of a choice. The last delta of a choice may have no parts.
struct Delta {
  Choice& choice;
  std::span<const Part> parts;
  std::span<const engine::Generated> tokens;    // with logprobs, if asked for
  bool last;
  AnswerUsage usage;               // of the choice, so far
};

/// The form of one API. Not thread-safe; one per answer.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;
  // A stream: what its parts append to the output. The defaults are the OpenAI API's.
  virtual std::string_view content_type() const;
  virtual void write(const Delta& delta, std::string& out) = 0;
  virtual void write_end(const AnswerUsage& usage, std::string& out);
  virtual void write_error(const Error& error, std::string& out);
  /// The answer in one piece.
  virtual std::string whole(std::span<const Choice> choices, const AnswerUsage& usage) = 0;
};

}  // namespace strata::serve
