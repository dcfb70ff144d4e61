// Typed access to JSON documents of a model folder.
#pragma once
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

namespace strata::model::tokenizer {

using Json = simdjson::dom::element;

/// Limits of documents from outside.
inline constexpr size_t max_json_bytes = size_t{1} << 29;
inline constexpr int max_json_nesting = 16;   // of a Sequence in a Sequence ...

/// One parsed document. `name` is the file's, for messages.
class JsonDocument {
 public:
  /// Errors: data_loss with the file and the parser's message.
  JsonDocument(std::string_view text, std::string_view name);
  Json root() const { return root_; }

 private:
  simdjson::dom::parser parser_;
  Json root_;
};

[[noreturn]] void bad_json(std::string_view what, std::string_view key);

/// The member `key` of an object; nothing if it is absent or null.
/// Errors: data_loss if `e` is no object.
std::optional<Json> member(Json e, std::string_view key);

/// The value of a member. Errors: data_loss naming the key if it is of another kind or, without a
/// default, absent.
std::string_view text(Json e, std::string_view key);
std::string_view text(Json e, std::string_view key, std::string_view otherwise);
bool boolean(Json e, std::string_view key, bool otherwise);
int64_t integer(Json e, std::string_view key, int64_t otherwise);
simdjson::dom::array array(Json e, std::string_view key);

std::string_view as_text(Json e, std::string_view what);
double as_number(Json e, std::string_view what);
int64_t as_integer(Json e, std::string_view what);

}  // namespace strata::model::tokenizer
