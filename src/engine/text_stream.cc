#include "engine/text_stream.h"

#include <algorithm>

namespace strata::engine {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// One step through UTF-8: a character, a maximal ill-formed part (to be replaced as a whole, as
/// the Unicode standard recommends), or a character whose end has not come yet.
struct Unit {
  size_t bytes;
  enum { good, bad, cut } kind;
};

Unit next_unit(std::string_view s) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) return {1, Unit::good};
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {1, Unit::bad};
  // The second byte's range rules out overlong forms, surrogates and values past U+10FFFF.
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (i == s.size()) return {i, Unit::cut};
    if (byte(i) < low || byte(i) > high) return {i, Unit::bad};
    low = 0x80;
    high = 0xBF;
  }
  return {length, Unit::good};
}

/// Well-formed text of `s`; what is ill-formed or cut becomes U+FFFD.
std::string well_formed(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    Unit unit = next_unit(s);
    out += unit.kind == Unit::good ? s.substr(0, unit.bytes) : kReplacement;
    s.remove_prefix(unit.bytes);
  }
  return out;
}

/// Start of the character that begins before `end` and is not complete there; else `end`.
size_t character_border(std::string_view s, size_t end) {
  // A character is at most four bytes, so its lead is one of the last three before a cut.
  for (size_t back = 1; back <= 3 && back <= end; ++back) {
    auto byte = static_cast<unsigned char>(s[end - back]);
    if (byte >= 0xC0) {
      bool cut = next_unit(s.substr(end - back, back)).kind == Unit::cut;
      return cut ? end - back : end;
    }
    if (byte < 0x80) break;
  }
  return end;
}

/// Where the longest suffix of `s` starts that a stop string could still complete.
size_t partial_stop(std::string_view s, const std::vector<std::string>& stops) {
  size_t start = s.size();
  for (const std::string& stop : stops) {
    size_t longest = std::min(stop.size() - 1, s.size());
    for (size_t n = longest; n > s.size() - start; --n)
      if (s.ends_with(std::string_view(stop).substr(0, n))) {
        start = s.size() - n;
        break;
      }
  }
  return start;
}

}  // namespace

TextStream::TextStream(const model::Tokenizer& tokenizer, std::vector<std::string> stop,
                       bool skip_special, bool include_stop, std::vector<model::Token> kept)
    : tokenizer_(&tokenizer), stop_(std::move(stop)), kept_(std::move(kept)),
      skip_special_(skip_special), include_stop_(include_stop) {
  std::erase_if(stop_, [](const std::string& s) { return s.empty(); });
}

TextStream::Piece TextStream::push(model::Token token) {
  Piece piece;
  const bool skipped = skip_special_ && tokenizer_->is_special(token) &&
                       std::find(kept_.begin(), kept_.end(), token) == kept_.end();
  if (stopped_ || skipped) return piece;
  pending_ += tokenizer_->bytes(token, first_);
  first_ = false;

  size_t found = std::string::npos;
  const std::string* which = nullptr;
  for (const std::string& stop : stop_) {
    size_t at = pending_.find(stop);
    if (at < found) {
      found = at;
      which = &stop;
    }
  }
  if (which) {
    stopped_ = true;
    piece.stopped = true;
    piece.stop = *which;
    size_t end = include_stop_ ? found + which->size() : found;
    piece.text = well_formed(std::string_view(pending_).substr(0, end));
    pending_.clear();
    return piece;
  }
  size_t end = character_border(pending_, partial_stop(pending_, stop_));
  piece.text = well_formed(std::string_view(pending_).substr(0, end));
  pending_.erase(0, end);
  return piece;
}

std::string TextStream::flush() {
  std::string text = well_formed(pending_);
  pending_.clear();
  return text;
}

}  // namespace strata::engine
