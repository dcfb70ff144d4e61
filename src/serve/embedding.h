// What the APIs that ask for vectors share. For .cc files of this folder (json.h).
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "serve/prompt_input.h"
#include "serve/service.h"

namespace strata::serve {

constexpr int max_dimensions = 1 << 20;

/// Token ids of texts and token ids; `most` tokens each (negative: what the context holds, 0: not
/// cut). Errors: invalid_argument naming `field` for an empty input or an unknown id.
std::vector<std::vector<engine::Token>> tokenise_inputs(std::string_view field,
                                                        const std::vector<PromptInput>& inputs,
                                                        const fleet::Backend& backend, int most);
size_t count_tokens(const std::vector<std::vector<engine::Token>>& inputs);

/// Replies with what `write` makes of the vectors, shortened to `dimensions` if given.
/// Errors: invalid_argument for more dimensions than there are; those of Backend::embed.
void embed_inputs(const Call& call, std::vector<std::vector<engine::Token>> inputs,
                  std::optional<int> dimensions,
                  std::function<std::string(const std::vector<std::vector<float>>&)> write);

}  // namespace strata::serve
