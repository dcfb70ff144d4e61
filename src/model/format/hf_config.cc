#include "model/format/hf_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/format/byte_reader.h"

namespace strata::model {

using nlohmann::json;

struct HfConfig::Impl {
  std::shared_ptr<const json> document;
  const json* outer;     // the whole config.json
  const json* object;    // the part looked at
  std::string where;

  const json* find(std::string_view key) const { return find_in(*object, key); }
  static const json* find_in(const json& object, std::string_view key) {
    auto it = object.find(key);
    return it == object.end() || it->is_null() ? nullptr : &*it;
  }
  [[noreturn]] void wrong_kind(std::string_view key, const json& value, const char* wanted) const {
    fail(Code::data_loss, "{}: '{}' should be {} but is {}", where, key, wanted, value.type_name());
  }
  std::optional<bool> boolean(const json& in, std::string_view key) const {
    const json* value = find_in(in, key);
    if (!value) return std::nullopt;
    if (!value->is_boolean()) wrong_kind(key, *value, "true or false");
    return value->get<bool>();
  }
  std::optional<std::string> text(const json& in, std::string_view key) const {
    const json* value = find_in(in, key);
    if (!value) return std::nullopt;
    if (!value->is_string()) wrong_kind(key, *value, "a string");
    return value->get<std::string>();
  }
};

namespace {

// Python writes infinities and NaN as bare words, which JSON does not know: they become strings.
std::string quote_bare_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (!in_string && (c == '-' || c == 'I' || c == 'N')) {
      std::string_view found;
      for (std::string_view word : {"-Infinity", "Infinity", "NaN"})
        if (text.substr(i).starts_with(word)) found = word;
      if (!found.empty()) {
        out.append("\"").append(found).append("\"");
        i += found.size();
        continue;
      }
    }
    if (c == '"') in_string = !in_string;
    const size_t n = in_string && c == '\\' && i + 1 < text.size() ? 2 : 1;
    out.append(text.substr(i, n));
    i += n;
  }
  return out;
}

std::optional<double> real_of(const json& value) {
  if (value.is_number()) return value.get<double>();
  const json* named = &value;
  if (value.is_object()) {
    const auto it = value.find("__float__");
    if (it == value.end()) return std::nullopt;
    named = &*it;
  }
  if (*named == "Infinity") return HUGE_VAL;
  if (*named == "-Infinity") return -HUGE_VAL;
  return std::nullopt;
}

}  // namespace

HfConfig::HfConfig(std::string_view text, std::string where) {
  if (text.size() > kHfConfigBytesMax)
    fail(Code::too_large, "{}: {} bytes are over the limit of {}", where, text.size(),
         kHfConfigBytesMax);
  std::shared_ptr<const json> document;
  try {
    document = std::make_shared<const json>(json::parse(quote_bare_numbers(text)));
  } catch (const json::exception& e) {
    fail(Code::data_loss, "{}: not valid JSON: {}", where, printable(e.what()));
  }
  if (!document->is_object()) fail(Code::data_loss, "{}: not a JSON object", where);
  const json* object = Impl::find_in(*document, "text_config");
  if (!object || !object->is_object()) object = document.get();
  impl_ = std::make_shared<const Impl>(Impl{document, document.get(), object, std::move(where)});
}

std::optional<int64_t> HfConfig::integer(std::string_view key) const {
  const json* value = impl_->find(key);
  if (!value) return std::nullopt;
  if (value->is_number_unsigned() && value->get<uint64_t>() <= INT64_MAX)
    return static_cast<int64_t>(value->get<uint64_t>());
  if (value->is_number_integer() && !value->is_number_unsigned()) return value->get<int64_t>();
  if (value->is_number_float()) {
    // Some publishers write 32.0.
    const double d = value->get<double>();
    if (d >= -0x1p53 && d <= 0x1p53 && d == std::trunc(d)) return static_cast<int64_t>(d);
  }
  impl_->wrong_kind(key, *value, "an integer");
}

std::optional<double> HfConfig::real(std::string_view key) const {
  const json* value = impl_->find(key);
  if (!value) return std::nullopt;
  if (!value->is_number()) impl_->wrong_kind(key, *value, "a number");
  return value->get<double>();
}

std::optional<bool> HfConfig::boolean(std::string_view key) const {
  return impl_->boolean(*impl_->object, key);
}

std::optional<std::string> HfConfig::text(std::string_view key) const {
  return impl_->text(*impl_->object, key);
}

std::optional<std::vector<std::string>> HfConfig::texts(std::string_view key) const {
  const json* value = impl_->find(key);
  if (!value) return std::nullopt;
  std::vector<std::string> out;
  if (!value->is_array()) impl_->wrong_kind(key, *value, "an array of strings");
  for (const json& element : *value) {
    if (!element.is_string()) impl_->wrong_kind(key, element, "an array of strings");
    out.push_back(element.get<std::string>());
  }
  return out;
}

std::optional<std::vector<double>> HfConfig::reals(std::string_view key) const {
  const json* value = impl_->find(key);
  if (!value) return std::nullopt;
  std::vector<double> out;
  if (!value->is_array()) impl_->wrong_kind(key, *value, "an array of numbers");
  for (const json& element : *value) {
    const auto real = real_of(element);
    if (!real) impl_->wrong_kind(key, element, "an array of numbers");
    out.push_back(*real);
  }
  return out;
}

std::optional<HfConfig> HfConfig::object(std::string_view key) const {
  const json* value = impl_->find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) impl_->wrong_kind(key, *value, "an object");
  return HfConfig(std::make_shared<const Impl>(
      Impl{impl_->document, impl_->outer, value, fmt::format("{}: {}", impl_->where, key)}));
}

bool HfConfig::has(std::string_view key) const { return impl_->find(key) != nullptr; }

bool HfConfig::is_null(std::string_view key) const {
  auto it = impl_->object->find(key);
  return it != impl_->object->end() && it->is_null();
}

bool HfConfig::is_object(std::string_view key) const {
  const json* value = impl_->find(key);
  return value && value->is_object();
}

bool HfConfig::is_array(std::string_view key) const {
  const json* value = impl_->find(key);
  return value && value->is_array();
}

bool HfConfig::is_text(std::string_view key) const {
  const json* value = impl_->find(key);
  return value && value->is_string();
}

std::string HfConfig::model_type() const {
  if (auto type = impl_->text(*impl_->object, "model_type")) return *type;
  return impl_->text(*impl_->outer, "model_type").value_or("");
}

std::optional<bool> HfConfig::tied() const {
  if (auto tied = impl_->boolean(*impl_->object, "tie_word_embeddings")) return tied;
  return impl_->boolean(*impl_->outer, "tie_word_embeddings");
}

const std::string& HfConfig::where() const { return impl_->where; }

}  // namespace strata::model
