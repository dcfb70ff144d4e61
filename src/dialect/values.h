// Argument values that are not JSON on the wire, as JSON text.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::dialect {

/// What the request's tools say of a parameter.
enum class ParameterType { unknown, text, other };
struct ToolTypes {
  std::function<ParameterType(std::string_view tool, std::string_view parameter)> type;
  /// The names of a tool's parameters, in order: for arguments that come without one.
  std::function<std::vector<std::string>(std::string_view tool)> names;
};

/// JSON text of a parameter's value as it was written: text stays text, whatever it looks like;
/// else JSON, or a Python literal, or text if it is neither.
std::string value_json(std::string_view text, ParameterType type);

/// Arguments of a Python call ("a=1, b='x'", without the brackets) as a JSON object. Nothing if
/// they are not literals.
std::optional<std::string> python_arguments(std::string_view text,
                                            const std::vector<std::string>& names);

/// Members in Gemma's form ("a:1,b:<|\"|>x<|\"|>", without the braces) as a JSON object.
std::optional<std::string> gemma_arguments(std::string_view text, std::string_view quote);

/// Bytes of the Python call at the start of `text` ("f(a=[1, ')'])"): 0 if it is not complete yet,
/// npos if it is none.
size_t python_call_size(std::string_view text);

}  // namespace strata::dialect
