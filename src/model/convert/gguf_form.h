// A model in GGUF's conventions, whatever file it was opened from: names, the order of rows, gains,
// settings and vocabulary as programs that read GGUF expect them.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "model/format/value.h"
#include "model/hyper.h"
#include "model/store.h"

namespace strata::model {

struct GgufForm {
  Metadata metadata;
  std::deque<std::string> texts = {};             // what the metadata's strings point into
  std::vector<graph::StoredTensor> tensors = {};  // those of the store, or made from them
};

/// Keys that carry a Hugging Face folder's own files and names through GGUF; other programs ignore
/// them. The second is the GGUF specification's.
inline constexpr std::string_view kConfigKey = "strata.config.json";
inline constexpr std::string_view kTokenizerKey = "tokenizer.huggingface.json";
inline constexpr std::string_view kNamesKey = "strata.tensor_names";  // "ours=the file's"

struct GgufFormOptions {
  bool tokenizer = true;
};

/// The store must outlive the result. Reads what the store's files say, no weights but vectors.
/// Errors: unimplemented for settings or a tokenizer that GGUF has no keys for, naming them.
GgufForm gguf_form(const Store& store, const GgufFormOptions& options);

// Its parts.

/// Hyper-parameters as keys; `rope_freqs`, where not empty, belongs into a tensor of that name.
struct GgufSettings {
  Metadata metadata;
  std::vector<float> rope_freqs = {};
};
GgufSettings gguf_settings(const Hyper& hyper, int64_t n_vocab);
/// Do both compute the same? How a file stores rows, gains and frequencies is no difference.
bool same_model(Hyper a, Hyper b);
/// tokenizer.ggml.* for the tokenizer of a Hugging Face folder; nothing if it has none.
void add_gguf_vocabulary(const Store& store, int n_vocab, GgufForm& form);
/// Tensors of a Hugging Face folder, their values and rows as GGUF has them.
std::vector<graph::StoredTensor> gguf_tensors(const Store& store, const Hyper& hyper);

}  // namespace strata::model
