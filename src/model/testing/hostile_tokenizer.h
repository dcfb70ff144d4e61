// The entry points of the tokenizer files' fuzzers, as hostile.h has those of weights.
#pragma once
#include "model/testing/hostile.h"
#include "model/tokenizer/folder_settings.h"
#include "model/tokenizer/json_tokenizer.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/tokenizer/tiktoken.h"
#include "model/tokenizer/vocab_files.h"

namespace strata::model::testing {

/// Builds the tokenizer and uses it.
inline void use_tokenizer(const std::string& json, const tokenizer::FolderSettings& settings) {
  const std::string merged = settings.merged();
  const auto made = tokenizer::json_tokenizer(
      {.tokenizer = json, .tokenizer_config = merged, .generation_config = "", .config = ""});
  made->decode(made->encode("Hello  w\u00f6rld \u4f60\u597d\n\x01 <s> 12"), false);
}

inline bool accepts_sentencepiece(std::span<const uint8_t> bytes) {
  return accepts([&] {
    tokenizer::FolderSettings settings({});
    const auto file = tokenizer::parse_sentencepiece(bytes, "fuzz.model");
    use_tokenizer(tokenizer::sentencepiece_json(file, settings), settings);
  });
}

inline bool accepts_tiktoken(std::string_view text) {
  return accepts([&] {
    tokenizer::FolderSettings settings(
        {.tokenizer_config = R"({"tokenizer_class": "QWenTokenizer"})"});
    const auto ranks = tokenizer::parse_tiktoken(text, "fuzz.tiktoken");
    use_tokenizer(tokenizer::tiktoken_json(ranks, settings, "fuzz.tiktoken"), settings);
  });
}

/// One text as the small files: settings, special and added tokens, and vocabularies beside them.
inline bool accepts_folder_settings(std::string_view text) {
  return accepts([&] {
    const std::string own(text);
    tokenizer::FolderSettings settings({.tokenizer_config = own,
                                        .special_tokens_map = own,
                                        .added_tokens = own,
                                        .config = own});
    use_tokenizer(tokenizer::merges_json(own, "a b\n", settings), settings);
  });
}

}  // namespace strata::model::testing
