// A loaded model: hyper-parameters, weights, tokenizer, chat template.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "model/chat_template.h"
#include "model/hyper.h"
#include "model/store.h"
#include "model/tokenizer.h"
#include "model/weights.h"

namespace strata::model {

struct Arch;

struct Model {
  std::string path;
  std::string name;                        // file name without extension or folder name
  std::unique_ptr<Store> store;
  Hyper hyper;
  std::unique_ptr<Weights> weights;        // of the store, as the architecture asks for them
  const Arch* arch = nullptr;
  std::unique_ptr<Tokenizer> tokenizer;    // null for a bare checkpoint without one
  std::optional<ChatTemplate> chat_template;
};

/// How a model's files say that a sequence becomes one vector: pooling_type of GGUF, the pooling
/// module of a sentence-transformers folder, a ranking head; else the mean for encoders and the
/// last row for decoders.
Pooling default_pooling(const Model& model);
/// Tokens at which a sentence-transformers folder cuts longer texts; 0: nothing is said.
int text_limit(const Model& model);

/// Maps the files and reads everything but the weights. Errors: those of open_store, read_hyper and
/// make_tokenizer.
std::shared_ptr<Model> load(const std::string& path);

}  // namespace strata::model
