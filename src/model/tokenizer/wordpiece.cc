#include "model/tokenizer/wordpiece.h"

#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {

void WordPiece::encode(std::string_view word, Scratch&, std::vector<Token>& out) const {
  if (!WordCache::fits(word)) return encode_new(word, out);
  if (cache_.find(word, out)) return;
  const size_t before = out.size();
  encode_new(word, out);
  cache_.put(word, std::span(out).subspan(before));
}

void WordPiece::encode_new(std::string_view word, std::vector<Token>& out) const {
  const auto unknown = [&] {
    if (options_.unknown >= 0) out.push_back(options_.unknown);
  };
  std::vector<size_t> starts;   // of characters, and the word's end
  for (size_t i = 0; i < word.size(); i += length_of_lead(static_cast<uint8_t>(word[i]))) {
    if (starts.size() == options_.max_characters) return unknown();
    starts.push_back(i);
  }
  starts.push_back(word.size());

  const size_t before = out.size();
  std::string key;
  for (size_t from = 0; from + 1 < starts.size();) {
    const std::string& prefix = from ? options_.continuing_prefix : options_.start_prefix;
    Token id = -1;
    size_t to = starts.size() - 1;
    for (; to > from; --to) {
      const std::string_view part = word.substr(starts[from], starts[to] - starts[from]);
      if (prefix.size() + part.size() > vocabulary_.longest_piece()) continue;
      key.assign(prefix).append(part);
      if ((id = vocabulary_.find(key)) >= 0) break;
    }
    if (id < 0) {
      out.resize(before);
      return unknown();
    }
    out.push_back(id);
    from = to;
  }
}

}  // namespace strata::model::tokenizer
