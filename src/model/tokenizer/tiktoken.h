// tiktoken's rank files: base64 of a token's bytes and its rank, a line each.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/folder_settings.h"

namespace strata::model::tokenizer {

/// Does this look like ranks? It is also what some publishers call tokenizer.model.
bool looks_like_tiktoken(std::string_view text);

/// Bytes by rank; an empty one has no token. Errors: data_loss with file and line.
std::vector<std::string> parse_tiktoken(std::string_view text, std::string_view where);

/// tokenizer.json of them. How texts are cut is not in the file: "pat_str" of tokenizer_config.json
/// says it, else the family does. Errors: unimplemented if nobody does.
std::string tiktoken_json(const std::vector<std::string>& ranks, FolderSettings& settings,
                          std::string_view where);

}  // namespace strata::model::tokenizer
