#include "model/tokenizer/decoder.h"

#include <charconv>

#include "model/tokenizer/byte_map.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

// "<0xNN>" -> NN, else -1.
int fallback_byte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  int byte = -1;
  const auto [end, error] = std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  return error == std::errc() && end == piece.data() + 5 ? byte : -1;
}

std::string strip_left(std::string text, std::string_view what, int times) {
  size_t n = 0;
  while (times-- > 0 && !what.empty() && std::string_view(text).substr(n).starts_with(what))
    n += what.size();
  return text.substr(n);
}

std::string clean_up(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> rules[] = {
      {" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : rules)
    if (text.find(from) != text.npos) text = replace_all(text, from, to);
  return text;
}

std::string word_piece(std::string text, const Decoder::Step& step, bool first, bool added) {
  const bool by_start = !step.to.empty();
  const std::string& mark = by_start ? step.to : step.from;
  const bool marked = !mark.empty() && text.starts_with(mark);
  const bool starts_word = by_start ? marked || added : !marked;
  if (marked && (by_start || !first)) text.erase(0, mark.size());
  if (starts_word && !first) text.insert(0, 1, ' ');
  return text;
}

}  // namespace

std::string Decoder::bytes(std::string_view piece, bool first, bool added) const {
  std::string text(piece);
  if (added && raw_added_) return text;
  for (const Step& step : steps_) {
    switch (step.kind) {
      case Kind::byte_level:
        if (!added) text = unmap_bytes(text);
        break;
      case Kind::replace:
        if (!step.from.empty()) text = replace_all(text, step.from, step.to);
        break;
      case Kind::byte_fallback:
        if (const int byte = fallback_byte(text); byte >= 0)
          text.assign(1, static_cast<char>(byte));
        break;
      case Kind::strip: text = strip_left(std::move(text), step.from, step.left); break;
      case Kind::strip_text:
        if (first) text = strip_left(std::move(text), step.from, step.left);
        break;
      case Kind::metaspace:
        text = replace_all(text, step.from, first && step.left ? "" : " ");
        break;
      case Kind::word_piece: text = word_piece(std::move(text), step, first, added); break;
      case Kind::clean_up: text = clean_up(std::move(text)); break;
    }
  }
  return text;
}

}  // namespace strata::model::tokenizer
