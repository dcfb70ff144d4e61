#include "model/tokenizer/unigram.h"

#include <algorithm>

#include "base/check.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

constexpr double unknown_penalty = 10;   // SentencePiece's kUnkPenalty
constexpr double user_defined_score = -0.1;   // better than what its characters could add up to

// The best path to a place of the text: its last token and where that starts.
struct Best {
  double score = 0;
  size_t from = std::string_view::npos;   // npos: not reached
  Token id = -1;
};

}  // namespace

Unigram::Unigram(const Vocabulary& vocabulary, std::vector<double> scores, Token unknown,
                 bool byte_fallback)
    : scores_(std::move(scores)), unknown_(unknown), byte_fallback_(byte_fallback) {
  STRATA_CHECK(scores_.size() == static_cast<size_t>(vocabulary.size()));
  double worst = 0;
  for (Token id = 0; id < vocabulary.size(); ++id) {
    const TokenType type = vocabulary.type(id);
    if (type == TokenType::user_defined) scores_[id] = user_defined_score;
    else if (type != TokenType::normal) continue;
    trie_.insert(vocabulary.piece(id), id);
    worst = std::min(worst, scores_[id]);
  }
  unknown_score_ = worst - unknown_penalty;
  for (int b = 0; b < 256; ++b) byte_id_[b] = vocabulary.find_byte(static_cast<uint8_t>(b));
  byte_fallback_ = byte_fallback_ && std::ranges::all_of(byte_id_, [](Token t) { return t >= 0; });
}

void Unigram::encode(std::string_view text, Scratch&, std::vector<Token>& out) const {
  std::vector<Best> best(text.size() + 1);
  const auto offer = [&](size_t from, size_t to, double score, Token id) {
    const double total = best[from].score + score;
    if (best[to].from == text.npos || total > best[to].score) best[to] = {total, from, id};
  };
  for (size_t i = 0; i < text.size();) {
    const size_t n = std::max(sequence_length(text.substr(i)), 1);
    bool covered = false;
    trie_.each_prefix(text.substr(i), [&](size_t size, Token id) {
      offer(i, i + size, scores_[id], id);
      covered |= size == n;
    });
    if (!covered) offer(i, i + n, unknown_score_, -1);
    i += n;
  }
  std::vector<Range> path;
  for (size_t at = text.size(); at > 0; at = best[at].from) path.push_back({best[at].from, at});
  bool after_unknown = false;
  for (auto r = path.rbegin(); r != path.rend(); ++r) {
    const Token id = best[r->end].id;
    const bool unknown = id < 0 || id == unknown_;
    if (!unknown) out.push_back(id);
    else if (byte_fallback_)
      for (size_t i = r->begin; i < r->end; ++i)
        out.push_back(byte_id_[static_cast<uint8_t>(text[i])]);
    else if (unknown_ >= 0 && !after_unknown) out.push_back(unknown_);
    after_unknown = unknown;
  }
}

}  // namespace strata::model::tokenizer
