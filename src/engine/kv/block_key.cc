#include "engine/kv/block_key.h"

#include <charconv>

#include "model/hub/sha256.h"

namespace strata::engine {

namespace {

constexpr size_t kDigits = 32;

std::string_view as_text(std::span<const Token> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()};
}

}  // namespace

BlockKey root_key(std::string_view model, uint64_t salt) {
  model::Sha256 hash;
  hash.add(model);
  hash.add({reinterpret_cast<const char*>(&salt), sizeof salt});
  return hash.finish().substr(0, kDigits);
}

BlockKey child_key(const BlockKey& parent, std::span<const Token> tokens) {
  model::Sha256 hash;
  hash.add(parent);
  hash.add(as_text(tokens));
  return hash.finish().substr(0, kDigits);
}

uint64_t salt_of(std::string_view text) {
  if (text.empty()) return 0;
  model::Sha256 hash;
  hash.add(text);
  const std::string digits = hash.finish().substr(0, 16);
  uint64_t salt = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), salt, 16);
  return salt;
}

}  // namespace strata::engine
