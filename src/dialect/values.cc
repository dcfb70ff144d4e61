#include "dialect/values.h"

#include <nlohmann/json.hpp>

#include <charconv>

#include "dialect/text.h"

namespace strata::dialect {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepthMax = 64;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_utf8(uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18 & 0x07));
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// Reads values; what is malformed sets `good` to false.
class Reader {
 public:
  explicit Reader(std::string_view text, std::string_view quote = {})
      : text_(text), quote_(quote) {}

  bool good = true;
  void space() {
    while (!done() && kSpace.find(peek()) != kSpace.npos) ++at_;
  }
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string name() {
    const size_t start = at_;
    while (is_name(peek()) || (!quote_.empty() && peek() == '-')) ++at_;
    if (at_ == start) good = false;
    return std::string(text_.substr(start, at_ - start));
  }
  size_t position() const { return at_; }
  void back(size_t position) { at_ = position; }

  Json value(int depth = 0) {
    space();
    if (depth > kDepthMax || done()) return wrong();
    if (!quote_.empty() && take(quote_)) return quoted();
    const char c = peek();
    if (c == '[' || c == '(') return list(c == '[' ? ']' : ')', depth);
    if (c == '{') return dictionary(depth);
    if (quote_.empty() && (c == '"' || c == '\'')) return python_string();
    if (c == '-' || c == '+' || c == '.' || (c >= '0' && c <= '9')) return number();
    if (is_name(c)) return word();
    return wrong();
  }

 private:
  Json wrong() {
    good = false;
    return nullptr;
  }
  Json quoted() {
    const size_t end = text_.find(quote_, at_);
    if (end == text_.npos) return wrong();
    Json out = std::string(text_.substr(at_, end - at_));
    at_ = end + quote_.size();
    return out;
  }
  Json word() {
    const std::string w = name();
    if (w == "True" || w == "true") return true;
    if (w == "False" || w == "false") return false;
    if (w == "None" || w == "null") return nullptr;
    return wrong();
  }
  Json number() {
    const size_t start = at_;
    while (!done() && std::string_view("+-.eE_0123456789").find(peek()) != std::string_view::npos)
      ++at_;
    std::string text;
    for (const char c : text_.substr(start, at_ - start))
      if (c != '_') text += c;
    if (text.starts_with('+')) text.erase(0, 1);
    const bool whole = text.find_first_of(".eE") == text.npos;
    if (int64_t i = 0; whole) {
      const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), i);
      if (ec == std::errc() && end == text.data() + text.size()) return i;
    }
    double d = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), d);
    if (ec != std::errc() || end != text.data() + text.size()) return wrong();
    return d;
  }
  Json python_string() {
    const char quote = peek();
    const std::string three(3, quote);
    const bool triple = take(three);
    if (!triple) ++at_;
    const std::string_view end = std::string_view(three).substr(0, triple ? 3 : 1);
    std::string out;
    while (!take(end)) {
      if (done()) return wrong();
      if (peek() != '\\') {
        out += text_[at_++];
        continue;
      }
      ++at_;
      escape(out);
      if (!good) return nullptr;
    }
    return out;
  }
  void escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case '0': out += '\0'; break;
      case '\n': break;
      case '\\':
      case '\'':
      case '"':
      case '/': out += c; break;
      case 'x': hex(2, out); break;
      case 'u': hex(4, out); break;
      case 'U': hex(8, out); break;
      default: out += '\\', out += c;  // Python keeps what it does not know
    }
  }
  void hex(int digits, std::string& out) {
    uint32_t value = 0;
    const std::string_view text = text_.substr(std::min(at_, text_.size()), size_t(digits));
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (ec != std::errc() || end != text.data() + digits || value > 0x10FFFF) {
      good = false;
      return;
    }
    at_ += size_t(digits);
    append_utf8(value, out);
  }
  Json list(char close, int depth) {
    Json out = Json::array();
    for (++at_, space(); good && peek() != close; space()) {
      out.push_back(value(depth + 1));
      space();
      if (peek() == ',') ++at_;
      else if (peek() != close) good = false;
    }
    if (good) ++at_;
    return out;
  }
  Json dictionary(int depth) {
    Json out = Json::object();
    for (++at_, space(); good && peek() != '}'; space()) {
      std::string key;
      if (quote_.empty()) {
        const Json k = value(depth + 1);
        key = k.is_string() ? k.get<std::string>() : dump(k);
      } else {
        key = name();
      }
      space();
      if (peek() != ':') return wrong();
      ++at_;
      if (out.contains(key)) return wrong();  // one of the two would be lost
      out[key] = value(depth + 1);
      space();
      if (peek() == ',') ++at_;
      else if (peek() != '}') good = false;
    }
    if (good) ++at_;
    return out;
  }

  std::string_view text_, quote_;
  size_t at_ = 0;
};

}  // namespace

std::string value_json(std::string_view text, ParameterType type) {
  if (type == ParameterType::text) return dump(Json(text));
  const std::string_view trimmed = trim(text);
  const Json json = Json::parse(trimmed, nullptr, false);
  if (!json.is_discarded() && !(type == ParameterType::unknown && json.is_string()))
    return std::string(trimmed);
  if (type == ParameterType::other) {
    Reader reader(trimmed);
    const Json value = reader.value();
    if (reader.good && reader.done()) return dump(value);
  }
  return dump(Json(text));
}

std::optional<std::string> python_arguments(std::string_view text,
                                            const std::vector<std::string>& names) {
  Json out = Json::object();
  Reader reader(text);
  size_t n_unnamed = 0;
  for (reader.space(); reader.good && !reader.done(); reader.space()) {
    const size_t start = reader.position();
    std::string key = is_name(reader.peek()) ? reader.name() : std::string();
    reader.space();
    if (key.empty() || !reader.take("=")) {
      reader.back(start);
      if (n_unnamed >= names.size()) return std::nullopt;
      key = names[n_unnamed++];
    }
    if (out.contains(key)) return std::nullopt;
    out[key] = reader.value();
    reader.space();
    if (!reader.done() && !reader.take(",")) return std::nullopt;
  }
  if (!reader.good) return std::nullopt;
  return dump(out);
}

std::optional<std::string> gemma_arguments(std::string_view text, std::string_view quote) {
  const std::string whole = "{" + std::string(text) + "}";
  Reader members(whole, quote);
  const Json out = members.value();
  if (!members.good || !members.done()) return std::nullopt;
  return dump(out);
}

size_t python_call_size(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && (is_name(text[at]) || text[at] == '.' || text[at] == '-')) ++at;
  if (at == text.size()) return 0;
  if (at == 0 || text[at] != '(' || (text[0] >= '0' && text[0] <= '9')) return text.npos;
  int depth = 0;
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote) {
      if (c == '\\') ++at;
      else if (c == quote) quote = 0;
      continue;
    }
    if (c == '"' || c == '\'') quote = c;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if ((c == ')' || c == ']' || c == '}') && --depth == 0) return at + 1;
  }
  return 0;
}

}  // namespace strata::dialect
