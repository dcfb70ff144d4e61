// The byte <-> printable character mapping of byte-level vocabularies ("Ġ" is a space).
#pragma once
#include <string>
#include <string_view>

namespace strata::model::tokenizer {

/// Byte b as UTF-8 of its character: printable Latin-1 stays, the n-th other byte is U+0100 + n.
/// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", section 2.2, and
/// the encoder published with it.
std::string_view mapped_byte(unsigned char byte);

std::string map_bytes(std::string_view bytes);

/// The bytes that `mapped` stands for; `mapped` itself if a character of it stands for no byte.
std::string unmap_bytes(std::string_view mapped);

}  // namespace strata::model::tokenizer
