// What a model's files hold and whether this build can run them, before a weight is read.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/store.h"

namespace strata::model {

struct Plan {
  std::string path, container;          // "safetensors", "pytorch", "gguf" ...
  std::string architecture;             // empty: no settings beside the weights
  int64_t parameters = 0;
  size_t bytes = 0;                     // of tensors in the files
  std::vector<TypeSize> types = {};     // largest first
  int n_layer = 0, d_model = 0, n_vocab = 0;
  int n_context = 0;                    // trained context, tokens
  size_t kv_bytes_a_token = 0;          // cache in f16, all layers
  /// Of those: bytes of layers that keep a token for as long as it is among the last so many.
  std::map<int, size_t> kv_window_bytes = {};
  std::string tokenizer;                // "bpe", "spm" ...; empty: none
  bool chat = false;                    // has a chat template that compiles
  /// Why it cannot run, or not as it should, each with what to do. The first kind is in `blockers`.
  std::vector<std::string> blockers = {}, remarks = {};
  bool runs() const { return blockers.empty(); }
};

/// Reads headers, settings and side files. Never throws for what a plan can say.
Plan make_plan(const Store& store);
/// For people, a few lines.
std::string plan_text(const Plan& plan);

}  // namespace strata::model
