#include "serve/structured.h"

#include <fmt/format.h>

#include "grammar/lark.h"
#include "grammar/structural_tag.h"

namespace strata::serve {
namespace {

using R = StructureFields;
using Kind = Structure::Kind;

constexpr double max_choices = 4096;

void set_structure(R& r, Kind kind, const Json& value, std::string_view param) {
  if (r.structure)
    bad_field(param,
              fmt::format("'{}' and '{}' both say what the answer must look like: give one "
                          "of them",
                          r.structure->param, param),
              "invalid_value");
  r.structure = Structure{kind, value, std::string(param)};
}

/// A JSON schema, or the text of one.
void set_schema(R& r, const Json& value, std::string_view param) {
  if (!value.is_string()) return set_structure(r, Kind::json_schema, value, param);
  try {
    set_structure(r, Kind::json_schema, parse_json(value.get_ref<const std::string&>()), param);
  } catch (const Error& e) {
    bad_field(param, fmt::format("'{}': {}", param, e.what()), "invalid_value");
  }
}

void set_choice(R& r, const Json& value, std::string_view param) {
  check(array(1, max_choices), param, value);
  for (size_t i = 0; i < value.size(); ++i)
    check(string(), fmt::format("{}[{}]", param, i), value[i]);
  set_structure(r, Kind::choice, value, param);
}

void set_text(R& r, Kind kind, const Json& value, std::string_view param) {
  check(string(), param, value);
  if (!value.get_ref<const std::string&>().empty()) set_structure(r, kind, value, param);
}

void set_json_schema_format(R& r, const Json& format) {
  constexpr std::string_view path = "response_format.json_schema";
  const auto found = format.find("json_schema");
  if (found == format.end() || found->is_null())
    bad_field(path, fmt::format("'{}' is required", path), "missing_parameter");
  check(object(), path, *found);
  const auto schema = found->find("schema");
  if (schema == found->end() || schema->is_null())
    return set_structure(r, Kind::json_object, {}, path);
  set_structure(r, Kind::json_schema, *schema, fmt::format("{}.schema", path));
}

void set_response_format(R& r, const Json& v) {
  const auto type = v.find("type");
  if (type == v.end())
    bad_field("response_format.type", "'response_format.type' is required", "missing_parameter");
  check(string(), "response_format.type", *type);
  const auto& name = type->get_ref<const std::string&>();
  if (name == "text") return;
  if (name == "json_schema") return set_json_schema_format(r, v);
  if (name == "structural_tag") return set_structure(r, Kind::structural_tag, v, "response_format");
  if (name == "json_object") {
    // llama.cpp takes a schema here too.
    const auto schema = v.find("schema");
    if (schema != v.end() && schema->is_object())
      return set_structure(r, Kind::json_schema, *schema, "response_format.schema");
    return set_structure(r, Kind::json_object, {}, "response_format");
  }
  bad_field("response_format.type",
            fmt::format("'response_format.type' must be \"text\", \"json_object\", \"json_schema\" "
                        "or \"structural_tag\", not {}",
                        json_string(name.substr(0, 40))),
            "unsupported_value");
}

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> nested_fields[] = {
    {"json", any(), STRATA_SET(set_schema(r, v, "structured_outputs.json"))},
    {"json_object", boolean(),
     [](R& r, const Json& v) {
       if (v.get<bool>()) set_structure(r, Kind::json_object, {}, "structured_outputs.json_object");
     }},
    {"regex", string(), STRATA_SET(set_text(r, Kind::regex, v, "structured_outputs.regex"))},
    {"choice", any(), STRATA_SET(set_choice(r, v, "structured_outputs.choice"))},
    {"grammar", string(), STRATA_SET(set_text(r, Kind::grammar, v, "structured_outputs.grammar"))},
    {"structural_tag", any(),
     [](R& r, const Json& v) {
       constexpr std::string_view param = "structured_outputs.structural_tag";
       set_structure(r, Kind::structural_tag,
                     v.is_string() ? parse_json(v.get_ref<const std::string&>()) : v, param);
     }},
    {"whitespace_pattern", string(), STRATA_SET(r.style.whitespace = v.get<std::string>())},
    {"disable_any_whitespace", boolean(), STRATA_SET(r.style.compact = v.get<bool>())},
    {"disable_fallback", boolean(), nullptr},
    {"disable_additional_properties", refused("say additionalProperties: false in the schema"),
     nullptr},
};

void set_structured_outputs(R& r, const Json& v) {
  FieldReader().with(std::span<const Field<R>>(nested_fields), r).read(v, "structured_outputs.");
}

const Field<R> fields[] = {
    {"response_format", object(), set_response_format},
    {"structured_outputs", object(), set_structured_outputs},
    {"guided_json", any(), STRATA_SET(set_schema(r, v, "guided_json"))},
    {"guided_regex", any(), STRATA_SET(set_text(r, Kind::regex, v, "guided_regex"))},
    {"guided_choice", any(), STRATA_SET(set_choice(r, v, "guided_choice"))},
    {"guided_grammar", any(), STRATA_SET(set_text(r, Kind::grammar, v, "guided_grammar"))},
    {"guided_whitespace_pattern", string(), STRATA_SET(r.style.whitespace = v.get<std::string>())},
    {"guided_decoding_backend", string(), nullptr},
    {"grammar", any(), STRATA_SET(set_text(r, Kind::grammar, v, "grammar"))},
    {"json_schema", any(), STRATA_SET(set_schema(r, v, "json_schema"))},
};
#undef STRATA_SET

}  // namespace

std::span<const Field<StructureFields>> structure_fields() { return fields; }

grammar::Source to_source(const Structure& s, const grammar::JsonStyle& style,
                          const model::Tokenizer& tokenizer) {
  try {
    switch (s.kind) {
      case Kind::json_object: return grammar::json_object_source(style);
      case Kind::json_schema: return grammar::json_source(s.value, style);
      case Kind::regex: return grammar::regex_source(s.value.get_ref<const std::string&>());
      case Kind::choice: return grammar::choice_source(s.value.get<std::vector<std::string>>());
      case Kind::grammar: return grammar::grammar_source(s.value.get_ref<const std::string&>());
      case Kind::structural_tag: return grammar::structural_tag_source(s.value, tokenizer, style);
    }
  } catch (const Error& e) {
    bad_field(s.param, fmt::format("'{}': {}", s.param, e.what()), "invalid_value");
  }
  return {};
}

}  // namespace strata::serve
