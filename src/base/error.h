// Errors the caller can act on: a file, a request, a peer. Bugs go to STRATA_CHECK instead.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace strata {

enum class Code {
  invalid_argument,     // the request or command line is wrong            exit 2, HTTP 400
  unauthenticated,      // no or a wrong API key                           exit 4, HTTP 401
  permission_denied,    // known, but not allowed                          exit 4, HTTP 403
  not_found,            // file, model or route does not exist             exit 3, HTTP 404
  already_exists,       //                                                 exit 2, HTTP 409
  too_large,            // a body or field over its named limit            exit 2, HTTP 413
  resource_exhausted,   // memory, queue, quota                            exit 5, HTTP 429
  data_loss,            // a file is corrupt or truncated                  exit 6, HTTP 500
  unimplemented,        // a known thing this build does not support       exit 7, HTTP 501
  unavailable,          // shutting down, port in use, peer unreachable    exit 8, HTTP 503
  cancelled,            // the client went away                            exit 130, HTTP 499
  internal,             // should not happen                               exit 1, HTTP 500
};

/// What was wrong, where, and what to do. `reason` and `param` are the machine-readable parts of an
/// API error ("context_length_exceeded", "max_tokens"); both may be empty.
class Error : public std::runtime_error {
 public:
  Error(Code code, std::string message, std::string reason = {}, std::string param = {})
      : std::runtime_error(std::move(message)), code_(code), reason_(std::move(reason)),
        param_(std::move(param)) {}
  Code code() const { return code_; }
  const std::string& reason() const { return reason_; }
  const std::string& param() const { return param_; }

 private:
  Code code_;
  std::string reason_, param_;
};

/// Throws an Error with a formatted message.
template <class... A>
[[noreturn]] void fail(Code code, fmt::format_string<A...> format, A&&... args) {
  throw Error(code, fmt::format(format, std::forward<A>(args)...));
}

int exit_status(Code code);
int http_status(Code code);

}  // namespace strata
