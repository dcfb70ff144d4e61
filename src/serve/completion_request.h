// A text completion request, validated. For .cc files of this folder (json.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "serve/generation_request.h"
#include "serve/prompt_input.h"

namespace strata::serve {

struct CompletionRequest : GenerationRequest {
  std::vector<PromptInput> prompts;
  bool echo = false, add_special = true;
  std::optional<int> best_of, logprobs;
};

Json completion_schema();

/// Errors: invalid_argument naming the field.
CompletionRequest parse_completion_request(const Json& body, const fleet::ModelCard& card,
                                           const GenerationDefaults& defaults);

}  // namespace strata::serve
