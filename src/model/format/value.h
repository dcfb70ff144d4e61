// Metadata values of a model file.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace strata::model {

/// Large string arrays (vocabularies) are views into the mapped file.
struct Value {
  using Strings = std::vector<std::string_view>;
  using Floats = std::vector<double>;
  using Ints = std::vector<int64_t>;      // also arrays of bool
  std::variant<bool, int64_t, uint64_t, double, std::string, Strings, Floats, Ints> v;
};

/// Key -> value, with typed access that converts between number kinds. A value of another kind than
/// asked for is data_loss naming the key.
class Metadata {
 public:
  std::map<std::string, Value, std::less<>> values;

  const Value* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key); }
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  /// Null when absent.
  const Value::Strings* strings(std::string_view key) const;
  std::optional<Value::Floats> reals(std::string_view key) const;     // a scalar gives one element
  std::optional<Value::Ints> integers(std::string_view key) const;    // a scalar gives one element
};

}  // namespace strata::model
