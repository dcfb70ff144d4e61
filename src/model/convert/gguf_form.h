// A model in GGUF's conventions, whatever file it was opened from: names, the order of rows, gains,
// settings and vocabulary as programs that read GGUF expect them.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "model/carried.h"
#include "model/format/value.h"
#include "model/hyper.h"
#include "model/hyper_read.h"
#include "model/store.h"

namespace strata::model {

struct GgufForm {
  Metadata metadata = {};
  std::deque<std::string> texts = {};             // what the metadata's strings point into
  std::vector<graph::StoredTensor> tensors = {};  // those of the store, or made from them
  std::string carried = {};  // why GGUF has no form for the model; empty: it has
};

/// Keys that carry a Hugging Face folder's own files and names through GGUF, beside kConfigKey;
/// other programs ignore them. The first is the GGUF specification's.
inline constexpr std::string_view kTokenizerKey = "tokenizer.huggingface.json";
inline constexpr std::string_view kNamesKey = "strata.tensor_names";  // "ours=the file's"

struct GgufFormOptions {
  bool tokenizer = true;
};

/// A model that GGUF has no form for is carried (kCarriedArchitecture), which programs that do not
/// know it refuse instead of computing something else. The store must outlive the result. Reads
/// what the store's files say, no weights but vectors. Errors: unimplemented for a tokenizer that
/// GGUF has no keys for.
GgufForm gguf_form(const Store& store, const GgufFormOptions& options);

// Its parts.

/// Hyper-parameters as keys, those of rotary embeddings that are tensors, and what a reader of both
/// makes of them. Errors: unimplemented naming a setting that GGUF has no key for.
struct GgufSettings {
  Metadata metadata = {};
  RopeFactors rope = {};
  Hyper hyper = {};
};
GgufSettings gguf_settings(const Hyper& hyper, int64_t n_vocab);
/// The first setting in which two models compute differently; empty: none.
std::string difference(const Hyper& a, const Hyper& b);
/// Are their attention scores scaled alike?
bool same_scale(const Hyper& a, const Hyper& b);
/// What cosine and sine are multiplied by.
double rope_magnitude(const Rope& rope);
/// tokenizer.ggml.* for the tokenizer of a Hugging Face folder; nothing if it has none.
void add_gguf_vocabulary(const Store& store, int n_vocab, GgufForm& form);
/// Tensors of a Hugging Face folder, their values and rows as GGUF has them. Errors: unimplemented
/// naming one that GGUF has no form for.
std::vector<graph::StoredTensor> gguf_tensors(const Store& store, const Hyper& hf,
                                              const Hyper& gguf);

}  // namespace strata::model
