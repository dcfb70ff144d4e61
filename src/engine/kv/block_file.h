// One block of the KV cache in a file, and how it is known to be whole.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/kv/block_key.h"

namespace strata::engine {

/// The file holds, after a fixed head, the model's fingerprint, the block's key and tokens, its
/// bytes, and SHA-256 over all that. It is written beside its place and renamed, so that a process
/// that is killed leaves either a whole file or none.
/// Errors: resource_exhausted (disk full), permission_denied, unavailable; nothing is left behind.
void write_block_file(const std::string& path, std::string_view model, const BlockKey& key,
                      std::span<const Token> tokens, std::span<const uint8_t> bytes);

/// Fills `bytes`, whose size must be that of the block. False for a file that is missing, cut off,
/// changed in any bit, or of another model, key or tokens: nothing of `bytes` is to be used then.
bool read_block_file(const std::string& path, std::string_view model, const BlockKey& key,
                     std::span<const Token> tokens, std::span<uint8_t> bytes);

/// What a file of such a block takes.
size_t block_file_bytes(std::string_view model, size_t n_token, size_t block_bytes);

}  // namespace strata::engine
