#include "base/error.h"
#include "model/store.h"
#include "model/tokenizer.h"
#include "model/tokenizer/gguf_tokenizer.h"
#include "model/tokenizer/json_tokenizer.h"

namespace strata::model {

std::unique_ptr<Tokenizer> make_tokenizer(const Store& store) {
  if (store.format() == "gguf") return tokenizer::gguf_tokenizer(store.metadata());
  const std::string tokenizer = store.side_file("tokenizer.json");
  if (tokenizer.empty())
    fail(Code::not_found, "{}: no tokenizer.json beside the weights", store.path());
  const std::string settings = store.side_file("tokenizer_config.json");
  const std::string generation = store.side_file("generation_config.json");
  const std::string config = store.side_file("config.json");
  return tokenizer::json_tokenizer({.tokenizer = tokenizer,
                                    .tokenizer_config = settings,
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
