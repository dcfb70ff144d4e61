// Vocabularies of plain files: vocab.json with merges.txt, and WordPiece's vocab.txt.
#pragma once
#include <string>
#include <string_view>

#include "model/tokenizer/folder_settings.h"

namespace strata::model::tokenizer {

/// tokenizer.json of byte-level byte-pair encoding (GPT-2, RoBERTa, Qwen 2; the class says which).
/// Errors: data_loss naming file and line.
std::string merges_json(std::string_view vocab_json, std::string_view merges_txt,
                        FolderSettings& settings);

/// tokenizer.json of BERT's tokenizer. Errors: data_loss.
std::string wordpiece_json(std::string_view vocab_txt, FolderSettings& settings);

}  // namespace strata::model::tokenizer
