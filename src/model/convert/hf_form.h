// A model as a Hugging Face folder has it: names, gains, the order of rows, config.json.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "model/hyper.h"
#include "model/store.h"

namespace strata::model {

struct HfForm {
  std::vector<graph::StoredTensor> tensors = {};  // by Hugging Face's names
  std::map<std::string, std::string> files = {};  // config.json, tokenizer.json ...: name, content
};

/// The store must outlive the result. Errors: unimplemented for a model whose settings or tensors
/// its family's config.json and names do not cover, naming them.
HfForm hf_form(const Store& store);

/// config.json for these hyper-parameters. Errors: unimplemented when what reads it would not get
/// them back.
std::string hf_config_text(const Hyper& hyper, bool tied);

}  // namespace strata::model
