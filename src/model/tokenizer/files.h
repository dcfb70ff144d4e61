// Which files of a folder hold its tokenizer, and what they say in tokenizer.json's form.
#pragma once
#include <string>
#include <vector>

#include "model/store.h"

namespace strata::model::tokenizer {

/// The name of the file that counts: tokenizer.json, else tokenizer.model, ranks of tiktoken,
/// vocab.json with merges.txt, or vocab.txt. Empty if there is none.
std::string tokenizer_file(const Store& store);

/// Names of the folder's "*.tiktoken", in order.
std::vector<std::string> rank_files(const Store& store);

struct TokenizerTexts {
  std::string tokenizer;   // tokenizer.json, as it is or made of other files; empty: there is none
  std::string settings;    // tokenizer_config.json, with what the other files say
};
/// Errors: data_loss, unimplemented; the file is named.
TokenizerTexts tokenizer_texts(const Store& store);

/// tokenizer.json as other programs read it; empty where what the files say has no form there.
std::string published_json(const Store& store);

}  // namespace strata::model::tokenizer
