// Small parts that the parsers share.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/form.h"

namespace strata::dialect {

inline constexpr std::string_view kSpace = " \n\r\t";

/// The first of some markers in a text.
struct Found {
  size_t at;
  std::string_view marker;
};
inline std::optional<Found> find_first(std::string_view text, const Strings& markers) {
  std::optional<Found> first;
  for (const std::string_view marker : markers) {
    const size_t at = marker.empty() ? text.npos : text.find(marker);
    if (at == text.npos) continue;
    if (!first || at < first->at || (at == first->at && marker.size() > first->marker.size()))
      first = Found{at, marker};
  }
  return first;
}

/// Where the longest suffix of a text starts that one of the markers could still complete.
inline size_t held_from(std::string_view text, const Strings& markers) {
  size_t start = text.size();
  for (const std::string_view marker : markers)
    for (size_t n = std::min(marker.size() - std::min<size_t>(marker.size(), 1), text.size());
         n > text.size() - start; --n)
      if (text.ends_with(marker.substr(0, n))) {
        start = text.size() - n;
        break;
      }
  return start;
}

/// Could more text turn this into something that starts with `marker`?
inline bool may_start(std::string_view text, std::string_view marker) {
  return text.size() < marker.size() && marker.starts_with(text);
}

inline std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

}  // namespace strata::dialect
