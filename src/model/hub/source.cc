#include "model/hub/source.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "model/hub/catalogue.h"
#include "model/hub/hub.h"

namespace strata::model {
namespace {

constexpr size_t kMaxNameBytes = 200;   // leaves room for suffixes under the 255 of file systems
constexpr size_t kMaxPathBytes = 1024;

[[noreturn]] void bad_source(const std::string& text, std::string_view why) {
  fail(Code::invalid_argument,
       "'{}' {}; a model comes from a path, a name of `strata pull --list`, https://HOST/FILE.gguf "
       "or HUB:OWNER/NAME[:FILE or "
       "quantisation], where HUB is one of {}", text, why, hub_names());
}

bool is_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

}  // namespace

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > kMaxPathBytes) return false;
  for (unsigned char c : path)
    if (c < 32 || c == 127 || c == '\\') return false;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == ".." || part.size() > kMaxNameBytes) return false;
    start = end + 1;
  }
  return true;
}

PullSource parse_source(const std::string& text) {
  if (text.empty()) bad_source(text, "names no model");
  if (is_url(text)) return {.kind = PullSource::Kind::url, .location = text};
  std::error_code ignored;
  if (std::filesystem::exists(text, ignored))
    return {.kind = PullSource::Kind::local, .location = text};
  if (const std::string known = catalogue_source(text); !known.empty()) return parse_source(known);
  const size_t colon = text.find(':');
  const Hub* hub = colon == text.npos ? nullptr : find_hub(text.substr(0, colon));
  if (!hub) bad_source(text, "is neither a file that exists nor an address");
  const std::string repository = text.substr(colon + 1, text.find(':', colon + 1) - colon - 1);
  const size_t slash = repository.find('/');
  PullSource s{.kind = PullSource::Kind::hub, .hub = std::string(hub->name)};
  s.owner = repository.substr(0, slash);
  if (slash != repository.npos) s.name = repository.substr(slash + 1);
  if (!is_plain_name(s.owner) || !is_plain_name(s.name))
    bad_source(text, "is not a repository's OWNER/NAME");
  const size_t chosen = text.find(':', colon + 1);
  if (chosen != text.npos) {
    s.choice = text.substr(chosen + 1);
    if (!is_safe_path(s.choice)) bad_source(text, "does not name a file of a repository");
  }
  return s;
}

}  // namespace strata::model
