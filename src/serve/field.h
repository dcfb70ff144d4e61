// Request fields, declared: a table row says a field's name, type, range and where it goes. Reading
// an object by such tables is the one place that checks types and ranges.
#pragma once
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "serve/json.h"

namespace strata::serve {

/// invalid_argument about one field. `reason` becomes the error's code.
[[noreturn]] void bad_field(std::string_view param, std::string message, std::string reason = {});

struct Rule {
  enum class Kind { boolean, integer, number, string, array, object, any, refused };
  Kind kind = Kind::any;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::string_view why = {};   // refused: what to do instead
};

constexpr Rule boolean() { return {Rule::Kind::boolean}; }
constexpr Rule integer(double min, double max = 2147483647) {
  return {Rule::Kind::integer, min, max};
}
constexpr Rule number(double min, double max) { return {Rule::Kind::number, min, max}; }
constexpr Rule string() { return {Rule::Kind::string}; }
/// Number of elements within [min, max].
constexpr Rule array(double min, double max) { return {Rule::Kind::array, min, max}; }
constexpr Rule object() { return {Rule::Kind::object}; }
/// Checked by its setter.
constexpr Rule any() { return {}; }
/// Known, but cannot be honoured: never ignored. false, 0, "" and [] ask for nothing and pass.
constexpr Rule refused(std::string_view why) { return {Rule::Kind::refused, 0, 0, why}; }

/// Errors: invalid_argument with the name, what is allowed and what came.
void check(const Rule& rule, std::string_view name, const Json& value);
/// The text of a member that must be there; `path` is the object's.
std::string member(const Json& object, const char* name, const std::string& path);

/// set == nullptr: accepted without effect.
template <class T>
struct Field {
  std::string_view name;
  Rule rule;
  void (*set)(T&, const Json&);
};

/// What a rule allows, as JSON schema.
Json schema_of(const Rule& rule);

/// The fields of tables as JSON schema of an object; what is refused has no place in it.
class SchemaWriter {
 public:
  template <class T>
  SchemaWriter& with(std::span<const Field<T>> fields) {
    for (const Field<T>& field : fields)
      if (field.rule.kind != Rule::Kind::refused)
        schema_["properties"][std::string(field.name)] = schema_of(field.rule);
    return *this;
  }
  SchemaWriter& require(std::initializer_list<std::string_view> names) {
    for (std::string_view name : names) schema_["required"].push_back(name);
    return *this;
  }
  Json take() { return std::move(schema_); }

 private:
  Json schema_ = {{"type", "object"}};
};

/// Reads a JSON object by one or more tables. null counts as absent, unknown members are accepted
/// and logged once each.
class FieldReader {
 public:
  template <class T>
  FieldReader& with(std::span<const Field<T>> fields, T& out) {
    readers_.push_back([fields, &out, this](std::string_view name, const Json& value) {
      for (const Field<T>& field : fields) {
        if (field.name != name) continue;
        if (value.is_null()) return true;
        check(field.rule, path_ + std::string(name), value);
        if (field.set) field.set(out, value);
        return true;
      }
      return false;
    });
    return *this;
  }
  /// `path`: what comes before the names in messages ("stream_options.").
  void read(const Json& object, std::string path = {});

 private:
  std::vector<std::function<bool(std::string_view, const Json&)>> readers_;
  std::string path_;
};

}  // namespace strata::serve
