#include "model/tokenizer/pipeline.h"

#include "base/check.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

// Word models count in 32 bits.
constexpr size_t max_word = size_t{1} << 30;

}  // namespace

PipelineTokenizer::PipelineTokenizer(Parts parts) : parts_(std::move(parts)) {
  STRATA_CHECK(parts_.vocabulary && parts_.model);
}

void PipelineTokenizer::encode_normalized(std::string_view text, bool at_start, Scratch& scratch,
                                          std::vector<Token>& out) const {
  Pieces pieces(text, at_start);
  for (const auto& stage : parts_.stages) stage->apply(pieces);
  for (const Range r : pieces.ranges())
    for (std::string_view word = pieces[r]; !word.empty();) {
      const std::string_view part = word.substr(0, max_word);
      parts_.model->encode(part, scratch, out);
      word.remove_prefix(part.size());
    }
}

void PipelineTokenizer::encode_raw(std::string_view text, bool at_start, bool parse_special,
                                   Scratch& scratch, std::vector<Token>& out) const {
  std::string normalized;
  if (parts_.normalizer) text = normalized = parts_.normalizer->apply(text);
  if (parts_.normalized_tokens.empty()) return encode_normalized(text, at_start, scratch, out);
  for (const auto& part : parts_.normalized_tokens.split(text, parse_special)) {
    if (part.token >= 0) out.push_back(part.token);
    else
      encode_normalized(text.substr(part.range.begin, part.range.end - part.range.begin),
                        at_start && part.range.begin == 0, scratch, out);
  }
}

std::vector<Token> PipelineTokenizer::encode(std::string_view text,
                                             const EncodeOptions& options) const {
  std::string repaired;
  if (!parts_.takes_any_bytes && !valid_utf8(text)) text = repaired = replace_ill_formed(text);
  std::vector<Token> out;
  out.reserve(text.size() / 3 + 8);
  if (options.add_special) out = parts_.prefix;
  Scratch scratch;
  for (const auto& part : parts_.raw_tokens.split(text, options.parse_special)) {
    if (part.token >= 0) out.push_back(part.token);
    else
      encode_raw(text.substr(part.range.begin, part.range.end - part.range.begin),
                 part.range.begin == 0, options.parse_special, scratch, out);
  }
  if (options.add_special) out.insert(out.end(), parts_.suffix.begin(), parts_.suffix.end());
  return out;
}

bool PipelineTokenizer::is_special(Token id) const {
  const TokenType type = parts_.vocabulary->type(id);
  return type == TokenType::control || type == TokenType::unknown;
}

std::string PipelineTokenizer::bytes(Token id, bool first) const {
  const TokenType type = parts_.vocabulary->type(id);
  const bool added = is_special(id) || type == TokenType::user_defined;
  return parts_.decoder.bytes(piece(id), first, added);
}

std::string PipelineTokenizer::decode(std::span<const Token> ids, bool skip_special) const {
  std::string out;
  bool first = true;
  for (const Token id : ids) {
    if (skip_special && is_special(id)) continue;
    out += bytes(id, first);
    first = false;
  }
  return replace_ill_formed(out);
}

}  // namespace strata::model::tokenizer
