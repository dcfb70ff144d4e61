// The fields that say what an answer must look like, and the constraint they ask for. For .cc files
// of this folder (json.h).
#pragma once
#include <optional>
#include <span>
#include <string>

#include "grammar/json_schema.h"
#include "serve/field.h"

namespace strata::model {
class Tokenizer;
}

namespace strata::serve {

/// What an answer must match.
struct Structure {
  enum class Kind { json_object, json_schema, regex, choice, grammar, structural_tag };
  Kind kind = Kind::json_object;
  Json value;
  std::string param;  // the field that asked for it
};

/// The fields of a request: response_format of the OpenAI API, structured_outputs and guided_* of
/// vLLM, grammar and json_schema of llama.cpp.
struct StructureFields {
  std::optional<Structure> structure;
  grammar::JsonStyle style;
};
std::span<const Field<StructureFields>> structure_fields();

/// Errors: invalid_argument naming the field.
grammar::Source to_source(const Structure& structure, const grammar::JsonStyle& style,
                          const model::Tokenizer& tokenizer);

}  // namespace strata::serve
