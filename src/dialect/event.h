// What a model's text means: answer, reasoning and tool calls.
#pragma once
#include <string>
#include <vector>

namespace strata::dialect {

struct Event {
  enum class Kind {
    content,    // text of the answer
    reasoning,  // text of the reasoning
    call,       // a call begins: `text` is the function's name
    arguments,  // more of the JSON text of the call's arguments
  };
  Kind kind;
  std::string text;
  int call = -1;        // number of the call, from 0
  std::string id = {};  // of a call that brings one
};
using Events = std::vector<Event>;

}  // namespace strata::dialect
