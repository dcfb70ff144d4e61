// A loaded model: hyper-parameters, weights, tokenizer, chat template.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "model/chat_template.h"
#include "model/hyper.h"
#include "model/store.h"
#include "model/tokenizer.h"

namespace strata::model {

struct Arch;

struct Model {
  std::string path;
  std::string name;                        // file name without extension or folder name
  std::unique_ptr<Store> store;
  Hyper hyper;
  const Arch* arch = nullptr;
  std::unique_ptr<Tokenizer> tokenizer;    // null for a bare checkpoint without one
  std::optional<ChatTemplate> chat_template;
};

/// Maps the files and reads everything but the weights. Errors: those of open_store, read_hyper and
/// make_tokenizer.
std::shared_ptr<Model> load(const std::string& path);

}  // namespace strata::model
