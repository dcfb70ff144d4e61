#include "model/tokenizer/json_reader.h"

#include "base/error.h"

namespace strata::model::tokenizer {

JsonDocument::JsonDocument(std::string_view text, std::string_view name)
    : parser_(max_json_bytes) {
  if (text.size() >= max_json_bytes)
    fail(Code::data_loss, "{}: {} bytes (at most {})", name, text.size(), max_json_bytes);
  const auto error = parser_.parse(text.data(), text.size()).get(root_);
  if (error) fail(Code::data_loss, "{}: {}", name, simdjson::error_message(error));
}

void bad_json(std::string_view what, std::string_view key) {
  fail(Code::data_loss, "tokenizer: '{}' {}", key, what);
}

std::optional<Json> member(Json e, std::string_view key) {
  simdjson::dom::object object;
  if (e.get(object)) bad_json("is asked of what is no object", key);
  Json value;
  if (object.at_key(key).get(value) || value.is_null()) return std::nullopt;
  return value;
}

std::string_view as_text(Json e, std::string_view what) {
  std::string_view value;
  if (e.get(value)) bad_json("is no string", what);
  return value;
}

double as_number(Json e, std::string_view what) {
  double value;
  if (e.get(value)) bad_json("is no number", what);
  return value;
}

int64_t as_integer(Json e, std::string_view what) {
  int64_t value;
  if (e.get(value)) bad_json("is no integer", what);
  return value;
}

std::string_view text(Json e, std::string_view key) {
  const auto value = member(e, key);
  if (!value) bad_json("is missing", key);
  return as_text(*value, key);
}

std::string_view text(Json e, std::string_view key, std::string_view otherwise) {
  const auto value = member(e, key);
  return value ? as_text(*value, key) : otherwise;
}

bool boolean(Json e, std::string_view key, bool otherwise) {
  const auto value = member(e, key);
  if (value && value->get(otherwise)) bad_json("is no boolean", key);
  return otherwise;
}

int64_t integer(Json e, std::string_view key, int64_t otherwise) {
  const auto value = member(e, key);
  if (value && value->get(otherwise)) bad_json("is no integer", key);
  return otherwise;
}

simdjson::dom::array array(Json e, std::string_view key) {
  const auto value = member(e, key);
  simdjson::dom::array out;
  if (!value || value->get(out)) bad_json("is no list", key);
  return out;
}

}  // namespace strata::model::tokenizer
