#include "net/router.h"

#include <optional>

#include "net/percent.h"

namespace strata::net {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (!path.empty() && path[0] == '/') path.remove_prefix(1);
  for (size_t start = 0;;) {
    const size_t end = path.find('/', start);
    segments.push_back(path.substr(start, end - start));
    if (end == path.npos) return segments;
    start = end + 1;
  }
}

bool is_parameter(std::string_view s) {
  return s.size() > 2 && s.front() == '{' && s.back() == '}';
}

std::optional<Parameters> match(const std::vector<std::string>& pattern,
                                const std::vector<std::string_view>& path) {
  Parameters found;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (i >= path.size()) return std::nullopt;
    if (!is_parameter(pattern[i])) {
      const auto text = percent_decode(path[i]);
      if (!text || *text != pattern[i]) return std::nullopt;
      continue;
    }
    std::string_view name = std::string_view(pattern[i]).substr(1, pattern[i].size() - 2);
    std::string_view raw = path[i];
    const bool rest = name.ends_with("...");
    if (rest) {
      name.remove_suffix(3);
      raw = {path[i].data(), static_cast<size_t>(path.back().end() - path[i].begin())};
    }
    auto value = percent_decode(raw);
    if (!value || value->empty()) return std::nullopt;
    found.emplace_back(name, std::move(*value));
    if (rest) return found;
  }
  if (path.size() != pattern.size()) return std::nullopt;
  return found;
}

}  // namespace

void Router::add(std::string_view method, std::string_view path, Handler handler) {
  Route route{std::string(method), {}, std::move(handler)};
  for (std::string_view s : split(path)) route.segments.emplace_back(s);
  routes_.push_back(std::move(route));
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match result;
  const auto segments = split(path);
  auto allow = [&](std::string_view m) {
    if (!result.allow.empty()) result.allow += ", ";
    result.allow += m;
  };
  for (const Route& route : routes_) {
    auto parameters = match(route.segments, segments);
    if (!parameters) continue;
    allow(route.method);
    if (route.method == "GET") allow("HEAD");
    const bool same = route.method == method || (method == "HEAD" && route.method == "GET");
    if (same && !result.handler) {
      result.handler = &route.handler;
      result.parameters = std::move(*parameters);
    }
  }
  return result;
}

}  // namespace strata::net
