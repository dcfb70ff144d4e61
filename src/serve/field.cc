#include "serve/field.h"

#include <cmath>

#include "base/log.h"

namespace strata::serve {

constexpr size_t max_logged_name = 64;
constexpr int max_logged_fields = 8;   // of one request

void bad_field(std::string_view param, std::string message, std::string reason) {
  throw Error(Code::invalid_argument, std::move(message), std::move(reason), std::string(param));
}

namespace {

std::string range(const Rule& rule) {
  const bool low = std::isfinite(rule.min), high = std::isfinite(rule.max);
  if (low && high) return fmt::format(" between {:.17g} and {:.17g}", rule.min, rule.max);
  if (low) return fmt::format(" of at least {:.17g}", rule.min);
  if (high) return fmt::format(" of at most {:.17g}", rule.max);
  return {};
}

std::string expected(const Rule& rule) {
  switch (rule.kind) {
    case Rule::Kind::boolean: return "a boolean";
    case Rule::Kind::integer: return "an integer" + range(rule);
    case Rule::Kind::number: return "a number" + range(rule);
    case Rule::Kind::string: return "a string";
    case Rule::Kind::array: return fmt::format("an array with a number of elements{}", range(rule));
    case Rule::Kind::object: return "an object";
    default: return "valid";
  }
}

std::string shown(const Json& value) {
  if (value.is_number() || value.is_boolean()) return to_text(value);
  if (value.is_string()) return json_string(value.get_ref<const std::string&>().substr(0, 40));
  if (value.is_array()) return fmt::format("an array of {}", value.size());
  return std::string(kind_name(value));
}

bool is_integral(const Json& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double d = value.get<double>();   // clients that write 1.0
  return std::trunc(d) == d && std::abs(d) < 9e15;
}

bool in_range(const Rule& rule, double v) { return v >= rule.min && v <= rule.max; }

bool has_kind(const Rule& rule, const Json& value) {
  switch (rule.kind) {
    case Rule::Kind::boolean: return value.is_boolean();
    case Rule::Kind::integer: return is_integral(value);
    case Rule::Kind::number: return value.is_number();
    case Rule::Kind::string: return value.is_string();
    case Rule::Kind::array: return value.is_array();
    case Rule::Kind::object: return value.is_object();
    default: return true;
  }
}

/// A value that leaves a feature off.
bool is_off(const Json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0;
  return value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty();
}

}  // namespace

void check(const Rule& rule, std::string_view name, const Json& value) {
  if (rule.kind == Rule::Kind::refused) {
    if (!is_off(value))
      bad_field(name, fmt::format("'{}' is not supported: {}", name, rule.why),
                "unsupported_parameter");
    return;
  }
  bool good = has_kind(rule, value);
  std::string reason = good ? "invalid_value" : "invalid_type";
  if (good && value.is_number()) good = in_range(rule, value.get<double>());
  if (good && value.is_array()) good = in_range(rule, static_cast<double>(value.size()));
  if (!good)
    bad_field(name, fmt::format("'{}' must be {}, not {}", name, expected(rule), shown(value)),
              std::move(reason));
}

Json schema_of(const Rule& rule) {
  Json schema = Json::object();
  auto bounds = [&](const char* low, const char* high) {
    if (std::isfinite(rule.min)) schema[low] = rule.min;
    if (std::isfinite(rule.max)) schema[high] = rule.max;
  };
  switch (rule.kind) {
    case Rule::Kind::boolean: schema["type"] = {"boolean", "null"}; break;
    case Rule::Kind::integer:
      schema["type"] = {"integer", "null"};
      bounds("minimum", "maximum");
      break;
    case Rule::Kind::number:
      schema["type"] = {"number", "null"};
      bounds("minimum", "maximum");
      break;
    case Rule::Kind::string: schema["type"] = {"string", "null"}; break;
    case Rule::Kind::array:
      schema["type"] = {"array", "null"};
      bounds("minItems", "maxItems");
      break;
    case Rule::Kind::object: schema["type"] = {"object", "null"}; break;
    default: break;
  }
  return schema;
}

void FieldReader::read(const Json& object, std::string path) {
  path_ = std::move(path);
  if (!object.is_object())
    bad_field(path_.empty() ? "" : path_.substr(0, path_.size() - 1),
              fmt::format("{} must be a JSON object, not {}",
                          path_.empty() ? "the request body" : path_, kind_name(object)),
              "invalid_type");
  int logged = 0;
  for (const auto& [name, value] : object.items()) {
    bool known = false;
    for (const auto& reader : readers_)
      if ((known = reader(name, value))) break;
    if (!known && logged++ < max_logged_fields)
      log::warn_once(fmt::format("request field {} is unknown and has no effect",
                                 json_string(path_ + name.substr(0, max_logged_name))));
  }
}

std::string member(const Json& object, const char* name, const std::string& path) {
  const auto found = object.find(name);
  if (found == object.end())
    bad_field(path + "." + name, fmt::format("'{}.{}' is required", path, name),
              "missing_parameter");
  check(string(), path + "." + name, *found);
  return found->get<std::string>();
}

}  // namespace strata::serve
