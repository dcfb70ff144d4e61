// GET /, GET /assets/{name}: the pages for people.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "base/check.h"
#include "base/version.h"
#include "serve/pages.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

constexpr size_t max_page_bytes = 16u << 20;

// Scripts and styles of this server alone, no frames around it, no plugins, no forms that leave it.
// blob: files that the reader saves.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'";

constexpr std::string_view without_pages =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>strata</title>\n"
    "<h1>strata {}</h1>\n"
    "<p>This program was built without its pages: npm was missing, or could not fetch the packages "
    "of <code>web/</code>. Run <code>tools/setup</code> and <code>tools/build</code> again where "
    "it can.</p>\n<p>The API works: <a href=\"/endpoints\">its endpoints</a>.</p>\n</html>\n";

bool takes_gzip(const net::Request& request) {
  return request.header("Accept-Encoding").find("gzip") != std::string_view::npos;
}

std::string inflate_gzip(std::string_view gzip) {
  z_stream stream = {};
  constexpr int gzip_window = 15 + 16;
  STRATA_CHECK(inflateInit2(&stream, gzip_window) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  std::string out;
  int status = Z_OK;
  while (status == Z_OK && out.size() < max_page_bytes) {
    char buffer[16 << 10];
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  STRATA_CHECK(status == Z_STREAM_END);
  return out;
}

/// Names of assets carry a hash of their content: they never change. The page asks each time.
void serve(net::Exchange& exchange, const PageFile& file) {
  const net::Request& request = exchange.request();
  net::Headers headers = {
      {"ETag", std::string(file.etag)},
      {"Cache-Control",
       file.path == "/" ? "no-cache" : "public, max-age=31536000, immutable"},
      {"Vary", "Accept-Encoding"},
      {"Content-Security-Policy", std::string(policy)},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"}};
  if (request.header("If-None-Match").find(file.etag) != std::string_view::npos)
    return exchange.reply(304, "", "", std::move(headers));
  if (!takes_gzip(request))
    return exchange.reply(200, file.type, inflate_gzip(file.gzip), std::move(headers));
  headers.emplace_back("Content-Encoding", "gzip");
  exchange.reply(200, file.type, std::string(file.gzip), std::move(headers));
}

void page(Service&, const std::shared_ptr<net::Exchange>& exchange) {
  const auto files = page_files();
  const auto file = std::find_if(files.begin(), files.end(), [&](const PageFile& f) {
    return f.path == exchange->request().path;
  });
  if (file != files.end()) return serve(*exchange, *file);
  if (exchange->request().path == "/")
    return exchange->reply(200, "text/html; charset=utf-8",
                           fmt::format(fmt::runtime(without_pages), version()));
  fail(Code::not_found, "there is no '{}'", exchange->request().path);
}

const Route routes[] = {{"GET", "/", page, "the pages"},
                        {"GET", "/assets/{name}", page, "what they are made of"}};
const Registry<Api> registered{Api{"pages", routes}};

}  // namespace
}  // namespace strata::serve
