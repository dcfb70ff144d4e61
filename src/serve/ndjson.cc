#include "serve/ndjson.h"

#include <algorithm>
#include <ctime>

#include "serve/field.h"

namespace strata::serve {

constexpr double max_parts = 1024;

void append_named_event(std::string& out, std::string_view name, const Json& json) {
  out += "event: ";
  out += name;
  out += "\ndata: ";
  out += to_text(json);
  out += "\n\n";
}

void append_line(std::string& out, const Json& json) {
  out += to_text(json);
  out += '\n';
}

std::string iso_time(int64_t unix_s) {
  const time_t time = unix_s;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  const size_t n = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text, n);
}

std::string text_of(const Json& content, const std::string& path,
                    std::initializer_list<std::string_view> types) {
  if (content.is_string()) return content.get<std::string>();
  check(array(0, max_parts), path, content);
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    check(object(), at, content[i]);
    const std::string type = content[i].contains("type") && content[i]["type"].is_string()
                                 ? content[i]["type"].get<std::string>()
                                 : std::string();
    if (std::find(types.begin(), types.end(), type) == types.end())
      bad_field(at + ".type",
                fmt::format("'{}.type' is {}: this model takes text only", at,
                            json_string(type.substr(0, 40))),
                "unsupported_value");
    const auto value = content[i].find("text");
    if (value == content[i].end())
      bad_field(at + ".text", fmt::format("'{}.text' is required", at), "missing_parameter");
    check(string(), at + ".text", *value);
    if (!text.empty()) text += '\n';
    text += value->get_ref<const std::string&>();
  }
  return text;
}

}  // namespace strata::serve
