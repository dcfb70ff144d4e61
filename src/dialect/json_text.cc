#include "dialect/json_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dialect/text.h"

namespace strata::dialect {

bool JsonScanner::take_byte(char c) {
  if (in_string_) {
    if (escaped_) escaped_ = false;
    else if (c == '\\') escaped_ = true;
    else if (c == '"') in_string_ = false;
    if (!in_string_ && depth_ == 0) state_ = State::ended;
    return true;
  }
  const bool space = kSpace.find(c) != kSpace.npos;
  if (word_ && depth_ == 0) {
    if (!space && c != ',' && c != '}' && c != ']' && c != ';') return true;
    state_ = State::ended;
    return false;
  }
  if (space) return true;
  switch (c) {
    case '{':
    case '[':
      if (++depth_ > kDepthMax) state_ = State::bad;
      open_ += c;
      break;
    case '}':
    case ']':
      if (depth_ == 0 || open_.back() != (c == '}' ? '{' : '[')) {
        state_ = State::bad;
        break;
      }
      open_.pop_back();
      if (--depth_ == 0) state_ = State::ended;
      break;
    case '"': in_string_ = true; break;
    case ',':
    case ':':
      if (depth_ == 0) state_ = State::bad;
      break;
    default: {
      const bool value = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
      if (!value) state_ = State::bad;
      word_ = depth_ == 0;
    }
  }
  if (state_ == State::bad) return false;
  begun_ = true;
  return true;
}

size_t JsonScanner::take(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && state_ == State::going_on)
    if (take_byte(text[n])) ++n;
  return n;
}

std::string escaped(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else out += c;
    }
  }
  return out;
}

bool unquote(std::string_view literal, std::string& out) {
  const auto value = nlohmann::json::parse(literal, nullptr, false);
  if (!value.is_string()) return false;
  out = value.get<std::string>();
  return true;
}

}  // namespace strata::dialect
