#include "model/format/value.h"

#include <cmath>

#include "base/error.h"

namespace strata::model {
namespace {

template <class T>
constexpr const char* kind_name() {
  if constexpr (std::is_same_v<T, bool>) return "a boolean";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  if constexpr (std::is_same_v<T, Value::Strings>) return "an array of strings";
  if constexpr (std::is_same_v<T, Value::Floats>) return "an array of reals";
  if constexpr (std::is_same_v<T, Value::Ints>) return "an array of integers";
  return "a number";
}

[[noreturn]] void wrong_kind(std::string_view key, const Value& value, const char* wanted) {
  const char* got = std::visit(
      [](const auto& v) { return kind_name<std::decay_t<decltype(v)>>(); }, value.v);
  fail(Code::data_loss, "metadata key '{}' should be {} but is {}", key, wanted, got);
}

// 2^63 is exact in double, so the comparison excludes exactly what the cast cannot represent.
std::optional<int64_t> exact_integer(double d) {
  if (!(d >= -0x1p63 && d < 0x1p63) || d != std::trunc(d)) return std::nullopt;
  return static_cast<int64_t>(d);
}

std::optional<int64_t> as_integer(const Value& value) {
  if (auto* b = std::get_if<bool>(&value.v)) return *b;
  if (auto* i = std::get_if<int64_t>(&value.v)) return *i;
  if (auto* u = std::get_if<uint64_t>(&value.v))
    return *u <= INT64_MAX ? std::optional(static_cast<int64_t>(*u)) : std::nullopt;
  if (auto* d = std::get_if<double>(&value.v)) return exact_integer(*d);
  return std::nullopt;
}

std::optional<double> as_real(const Value& value) {
  if (auto* i = std::get_if<int64_t>(&value.v)) return static_cast<double>(*i);
  if (auto* u = std::get_if<uint64_t>(&value.v)) return static_cast<double>(*u);
  if (auto* d = std::get_if<double>(&value.v)) return *d;
  return std::nullopt;
}

bool empty_array(const Value& value) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, Value::Strings> || std::is_same_v<T, Value::Floats> ||
                      std::is_same_v<T, Value::Ints>)
          return v.empty();
        else
          return false;
      },
      value.v);
}

}  // namespace

const Value* Metadata::find(std::string_view key) const {
  auto it = values.find(key);
  return it == values.end() ? nullptr : &it->second;
}

std::optional<int64_t> Metadata::integer(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (auto i = as_integer(*value)) return i;
  wrong_kind(key, *value, "an integer of 64 bits");
}

std::optional<double> Metadata::real(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (auto d = as_real(*value)) return d;
  wrong_kind(key, *value, "a number");
}

std::optional<bool> Metadata::boolean(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (auto i = as_integer(*value); i && (*i == 0 || *i == 1)) return *i == 1;
  wrong_kind(key, *value, "a boolean");
}

std::optional<std::string> Metadata::text(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (auto* s = std::get_if<std::string>(&value->v)) return *s;
  wrong_kind(key, *value, "a string");
}

const Value::Strings* Metadata::strings(std::string_view key) const {
  static const Value::Strings none;
  const Value* value = find(key);
  if (!value) return nullptr;
  if (auto* s = std::get_if<Value::Strings>(&value->v)) return s;
  if (empty_array(*value)) return &none;
  wrong_kind(key, *value, "an array of strings");
}

std::optional<Value::Floats> Metadata::reals(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (auto* f = std::get_if<Value::Floats>(&value->v)) return *f;
  if (auto* i = std::get_if<Value::Ints>(&value->v)) return Value::Floats(i->begin(), i->end());
  if (auto d = as_real(*value)) return Value::Floats{*d};
  if (empty_array(*value)) return Value::Floats{};
  wrong_kind(key, *value, "an array of numbers");
}

std::optional<Value::Ints> Metadata::integers(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (auto* i = std::get_if<Value::Ints>(&value->v)) return *i;
  if (auto i = as_integer(*value)) return Value::Ints{*i};
  if (auto* f = std::get_if<Value::Floats>(&value->v)) {
    Value::Ints out;
    out.reserve(f->size());
    for (double d : *f) {
      auto i = exact_integer(d);
      if (!i) wrong_kind(key, *value, "an array of integers");
      out.push_back(*i);
    }
    return out;
  }
  if (empty_array(*value)) return Value::Ints{};
  wrong_kind(key, *value, "an array of integers");
}

}  // namespace strata::model
