#include "grammar/json_schema.h"

#include <algorithm>

#include "base/error.h"

namespace strata::grammar {
namespace {

constexpr std::string_view kOptions = "x-guidance";
/// Room for a line break and an indentation. Without a bound models that lost their way write
/// spaces for ever.
constexpr std::string_view kWhitespace = "[ \\n\\r\\t]{1,24}";
/// What hold values instead of schemas.
constexpr std::string_view kValues[] = {"const", "enum", "default", "examples", "required"};

const Json* resolve(const Json& root, const std::string& reference) {
  if (!reference.starts_with("#/")) return nullptr;
  try {
    return &root.at(Json::json_pointer(reference.substr(1)));
  } catch (const Json::exception&) {
    return nullptr;
  }
}

/// An option that is but a reference has its constants compared with those of its siblings only
/// when it stands in place.
void put_in_place(const Json& root, Json& option) {
  constexpr int kHops = 16;
  for (int hop = 0; hop < kHops && option.is_object() && option.size() == 1; ++hop) {
    const auto reference = option.find("$ref");
    if (reference == option.end() || !reference->is_string()) return;
    const Json* target = resolve(root, reference->get<std::string>());
    if (!target) return;
    option = Json(*target);
  }
}

void rewrite(const Json& root, Json& node) {
  if (node.is_array())
    for (Json& element : node) rewrite(root, element);
  if (!node.is_object()) return;
  if (const auto unique = node.find("uniqueItems"); unique != node.end() && *unique == false)
    node.erase("uniqueItems");
  for (auto& [name, value] : node.items()) {
    if (std::find(std::begin(kValues), std::end(kValues), name) != std::end(kValues)) continue;
    // Before they are put in place: what is copied is not walked again, and so always ends.
    rewrite(root, value);
    if (name == "oneOf" && value.is_array())
      for (Json& option : value) put_in_place(root, option);
  }
}

}  // namespace

Json prepare_schema(const Json& schema, const JsonStyle& style) {
  Json out = schema;
  if (out.is_boolean() && out.get<bool>()) out = Json::object();
  if (!out.is_object())
    fail(Code::invalid_argument, "a JSON schema must be an object, not {}", out.type_name());
  rewrite(schema, out);
  if (const auto given = out.find(kOptions); given != out.end()) {
    if (given->is_object() && given->contains("lenient") && (*given)["lenient"] != false)
      fail(Code::invalid_argument, "\"{}\": \"lenient\" would ignore keywords", kOptions);
    return out;
  }
  Json& options = out[std::string(kOptions)] = Json::object();
  if (style.compact) options["whitespace_flexible"] = false;
  else
    options["whitespace_pattern"] =
        style.whitespace.empty() ? std::string(kWhitespace) : style.whitespace;
  return out;
}

Source json_source(const Json& schema, const JsonStyle& style) {
  return {Kind::json_schema,
          prepare_schema(schema, style).dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Source json_object_source(const JsonStyle& style) {
  return json_source({{"type", "object"}}, style);
}

}  // namespace strata::grammar
