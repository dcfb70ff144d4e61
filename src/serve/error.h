// Errors in the form of the API that a path belongs to.
//
//     OpenAI     {"error": {message, type, param, code}}
//     Anthropic  {"type": "error", "error": {type, message}}
//     Ollama     {"error": message}
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/server.h"

namespace strata::serve {

struct ErrorAnswer {
  int status;
  std::string body;
};

ErrorAnswer error_answer(const Error& error, std::string_view path = {});
/// For errors that only have a status (404, 413 ...).
std::string error_body(int status, std::string_view message, std::string_view path);

/// Replies with it; 429 and 503 say when to try again.
void reply_error(net::Exchange& exchange, const Error& error);

}  // namespace strata::serve
