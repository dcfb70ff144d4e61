#include "base/error.h"
#include "model/store.h"
#include "model/tokenizer.h"
#include "model/tokenizer/files.h"
#include "model/tokenizer/gguf_tokenizer.h"
#include "model/tokenizer/json_tokenizer.h"

namespace strata::model {

std::unique_ptr<Tokenizer> make_tokenizer(const Store& store) {
  if (store.format() == "gguf") return tokenizer::gguf_tokenizer(store.metadata());
  const tokenizer::TokenizerTexts texts = tokenizer::tokenizer_texts(store);
  if (texts.tokenizer.empty())
    fail(Code::not_found,
         "{}: no tokenizer beside the weights (tokenizer.json, tokenizer.model, *.tiktoken, "
         "vocab.json with merges.txt, or vocab.txt)", store.path());
  const std::string generation = store.side_file("generation_config.json");
  const std::string config = store.side_file("config.json");
  return tokenizer::json_tokenizer({.tokenizer = texts.tokenizer,
                                    .tokenizer_config = texts.settings,
                                    .generation_config = generation,
                                    .config = config});
}

std::unique_ptr<Tokenizer> make_tokenizer_json(std::string_view tokenizer_json,
                                               std::string_view config) {
  return tokenizer::json_tokenizer({.tokenizer = tokenizer_json,
                                    .tokenizer_config = config,
                                    .generation_config = "",
                                    .config = ""});
}

}  // namespace strata::model
