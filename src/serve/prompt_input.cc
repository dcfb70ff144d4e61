#include "serve/prompt_input.h"

namespace strata::serve {
namespace {

std::vector<engine::Token> read_ids(const Json& v, const std::string& path) {
  std::vector<engine::Token> ids;
  ids.reserve(v.size());
  for (size_t i = 0; i < v.size(); ++i) {
    check(integer(0), fmt::format("{}[{}]", path, i), v[i]);
    ids.push_back(v[i].get<engine::Token>());
  }
  return ids;
}

}  // namespace

std::vector<PromptInput> read_inputs(std::string_view field, const Json& v, size_t most) {
  std::vector<PromptInput> inputs;
  const std::string name(field);
  if (v.is_string()) {
    inputs.emplace_back(v.get<std::string>());
    return inputs;
  }
  if (!v.is_array() || v.empty())
    bad_field(name, fmt::format("'{}' must be a string, an array of strings, of token ids or of "
                                "arrays of token ids, and not empty; it is {}",
                                name, v.is_array() ? "an empty array" : kind_name(v)),
              v.is_array() ? "invalid_value" : "invalid_type");
  if (v[0].is_number()) {
    inputs.emplace_back(read_ids(v, name));
    return inputs;
  }
  check(array(1, static_cast<double>(most)), name, v);
  for (size_t i = 0; i < v.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", name, i);
    if (v[0].is_array()) {
      check(array(0, 1e9), path, v[i]);
      inputs.emplace_back(read_ids(v[i], path));
    } else {
      check(string(), path, v[i]);
      inputs.emplace_back(v[i].get<std::string>());
    }
  }
  return inputs;
}

}  // namespace strata::serve
