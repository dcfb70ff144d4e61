#include "grammar/matcher.h"

#include <fmt/format.h>

#include <algorithm>

namespace strata::grammar {

constexpr size_t kForcedMax = 4096;  // at once

Matcher::Matcher(RustMatcher* handle) : handle_(handle) {}

std::unique_ptr<engine::Constraint> Matcher::clone() const {
  return std::make_unique<Matcher>(handle_ ? strata_matcher_clone(handle_.get()) : nullptr);
}

bool Matcher::mask(std::span<uint32_t> words) {
  if (!handle_ || !strata_matcher_mask(handle_.get(), words.data(), words.size()))
    std::fill(words.begin(), words.end(), 0);
  return true;
}

void Matcher::accept(engine::Token token) {
  if (handle_ && !finished()) strata_matcher_accept(handle_.get(), static_cast<uint32_t>(token));
}

void Matcher::forced(std::vector<engine::Token>& tokens) {
  uint32_t ids[kForcedMax];
  const size_t n = handle_ ? strata_matcher_forced(handle_.get(), ids, kForcedMax) : 0;
  tokens.assign(ids, ids + n);
}

bool Matcher::finished() const {
  return handle_ && strata_matcher_stopped(handle_.get()) && error().empty();
}

std::string Matcher::error() const {
  if (!handle_) return "the grammar could not be followed any further";
  return take_string(strata_matcher_error(handle_.get()));
}

std::string take_string(RustString text) {
  std::string copy(reinterpret_cast<const char*>(text.data), text.data ? text.size : 0);
  strata_string_free(text);
  return copy;
}

std::string explain(Kind kind, std::string_view error) {
  constexpr std::string_view kKeys = "Unimplemented keys: [", kFormat = "Unknown format: ";
  constexpr size_t kMost = 500;
  if (kind != Kind::regex) {
    if (const size_t at = error.find(kKeys); at != error.npos) {
      const std::string_view rest = error.substr(at + kKeys.size());
      return fmt::format(
          "the JSON schema keyword {} cannot be enforced: leave it out, or say the "
          "same with other keywords",
          rest.substr(0, rest.find(']')));
    }
    if (const size_t at = error.find(kFormat); at != error.npos) {
      const std::string_view rest = error.substr(at + kFormat.size());
      return fmt::format(
          "the JSON schema keyword \"format\" cannot be enforced with the value "
          "\"{}\"",
          rest.substr(0, rest.find('\n')));
    }
    if (error.find("oneOf constraints are not supported") != error.npos)
      return "the JSON schema keyword \"oneOf\" cannot be enforced where a value may fit two of "
             "its "
             "options: use anyOf, or a property that has another constant in each option";
  }
  return std::string(error.substr(0, kMost));
}

}  // namespace strata::grammar
