#include "net/head.h"

#include <fmt/format.h>

namespace strata::net {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

static void append_clean(std::string& out, std::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
}

static void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

std::string format_head(const Head& head, const Framing& framing) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason_phrase(head.status));
  if (!head.content_type.empty()) append_header(out, "Content-Type", head.content_type);
  for (const auto& [name, value] : head.headers) append_header(out, name, value);
  const bool bodiless = head.status == 204 || head.status == 304 || head.status < 200;
  if (head.content_length && !bodiless)
    append_header(out, "Content-Length", std::to_string(*head.content_length));
  else if (!head.content_length && framing.chunked())
    append_header(out, "Transfer-Encoding", "chunked");
  if (!framing.keep_alive)
    append_header(out, "Connection", "close");
  else if (framing.minor_version == 0)
    append_header(out, "Connection", "keep-alive");
  out += "\r\n";
  return out;
}

}  // namespace strata::net
