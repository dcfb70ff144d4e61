// For tests: bytes, some words, and control tokens; text becomes the longest tokens that fit.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "model/tokenizer.h"

namespace strata::grammar::testing {

class WordTokenizer : public model::Tokenizer {
 public:
  static constexpr model::Token kEnd = 256;

  WordTokenizer() {
    stop = {kEnd};
    eos = kEnd;
    for (int i = 0; i < 256; ++i) pieces_.push_back(std::string(1, static_cast<char>(i)));
    for (const char* control : {"<|end|>", "<think>", "</think>", "<|tool|>"})
      pieces_.push_back(control);
    n_special_ = pieces_.size();
    for (const char* word :
         {"{\"", "\": ", "\":", ", \"", "},", "}}",  "  ", "true", "false", "null", "name",
          "yes", "es",   "no",  "ab",   "cd", "abc", "12", "[]",   "\"}",   "</f>"})
      pieces_.push_back(word);
  }

  using model::Tokenizer::encode;
  std::vector<model::Token> encode(std::string_view text,
                                   const EncodeOptions& options) const override {
    std::vector<model::Token> ids;
    while (!text.empty()) {
      model::Token best = static_cast<unsigned char>(text[0]);
      for (model::Token id = 256; id < size(); ++id)
        if ((options.parse_special || !is_special(id)) && text.starts_with(piece(id)) &&
            piece(id).size() > piece(best).size())
          best = id;
      ids.push_back(best);
      text.remove_prefix(piece(best).size());
    }
    return ids;
  }
  std::string bytes(model::Token id, bool) const override { return std::string(piece(id)); }
  std::string decode(std::span<const model::Token> ids, bool skip_special) const override {
    std::string text;
    for (model::Token id : ids)
      if (!skip_special || !is_special(id)) text += piece(id);
    return text;
  }
  int size() const override { return static_cast<int>(pieces_.size()); }
  std::string_view piece(model::Token id) const override { return pieces_[size_t(id)]; }
  bool is_special(model::Token id) const override { return id >= 256 && size_t(id) < n_special_; }
  model::Token find(std::string_view text) const override {
    const auto at = std::find(pieces_.begin() + 256, pieces_.end(), text);
    return at == pieces_.end() ? -1 : static_cast<model::Token>(at - pieces_.begin());
  }

 private:
  std::vector<std::string> pieces_;
  size_t n_special_ = 0;
};

}  // namespace strata::grammar::testing
