#include "serve/error.h"

#include "serve/json.h"

namespace strata::serve {
namespace {

std::string_view type_of(int status) {
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

Json text_or_null(std::string_view text) { return text.empty() ? Json() : Json(text); }

// Source: the API's page on errors.
std::string_view anthropic_type(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string body(int status, std::string_view message, std::string_view param,
                 std::string_view code, std::string_view path) {
  if (path.starts_with("/api/")) return to_text({{"error", message}});
  if (path.starts_with("/v1/messages"))
    return to_text({{"type", "error"},
                    {"error", {{"type", anthropic_type(status)}, {"message", message}}}});
  return to_text({{"error",
                   {{"message", message},
                    {"type", type_of(status)},
                    {"param", text_or_null(param)},
                    {"code", text_or_null(code)}}}});
}

std::string_view default_code(int status) {
  switch (status) {
    case 401: return "invalid_api_key";
    case 404: return "not_found";
    case 405: return "method_not_allowed";
    case 413: return "request_too_large";
    case 429: return "rate_limit_exceeded";
    case 500: return "internal_error";
    case 503: return "service_unavailable";
    default: return {};
  }
}

}  // namespace

ErrorAnswer error_answer(const Error& error, std::string_view path) {
  const int status = http_status(error.code());
  const std::string_view code =
      error.reason().empty() ? default_code(status) : std::string_view(error.reason());
  return {status, body(status, error.what(), error.param(), code, path)};
}

std::string error_body(int status, std::string_view message, std::string_view path) {
  return body(status, message, {}, default_code(status), path);
}

void reply_error(net::Exchange& exchange, const Error& error) {
  ErrorAnswer answer = error_answer(error, exchange.request().path);
  net::Headers headers;
  if (answer.status == 429 || answer.status == 503) headers.emplace_back("Retry-After", "1");
  if (answer.status == 401) headers.emplace_back("WWW-Authenticate", "Bearer");
  exchange.reply(answer.status, "application/json", std::move(answer.body), std::move(headers));
}

}  // namespace strata::serve
