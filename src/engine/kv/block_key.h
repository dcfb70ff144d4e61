// The name of a block's content, the same in every run of the program.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "engine/request.h"

namespace strata::engine {

/// 32 hexadecimal digits of SHA-256 over the parent's name and the tokens: nobody can make two
/// prefixes of one name.
using BlockKey = std::string;

/// What first blocks are named below: the model, and the salt that keeps users apart.
BlockKey root_key(std::string_view model, uint64_t salt);
BlockKey child_key(const BlockKey& parent, std::span<const Token> tokens);

/// A request's cache_salt as a number; "" is 0.
uint64_t salt_of(std::string_view text);

}  // namespace strata::engine
