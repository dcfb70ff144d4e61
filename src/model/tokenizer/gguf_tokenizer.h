// A tokenizer from GGUF's keys (tokenizer.ggml.*).
#pragma once
#include <memory>

#include "model/format/value.h"
#include "model/tokenizer.h"

namespace strata::model::tokenizer {

/// Source: GGUF specification, "Tokenizer"; absent keys default as llama.cpp documents.
/// Errors: unimplemented naming the model or pre-tokeniser; data_loss naming the key.
std::unique_ptr<Tokenizer> gguf_tokenizer(const Metadata& metadata);

}  // namespace strata::model::tokenizer
