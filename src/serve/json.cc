#include "serve/json.h"

#include <unordered_map>

#include "base/error.h"

namespace strata::serve {
namespace {

constexpr size_t indexed_members = 16;   // objects with more get an index of their names

/// Builds the value from the parser's events. nlohmann's own builder looks for each new member
/// among all earlier ones, which a hostile object makes quadratic.
class Builder {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}
  Json take() { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool v) { return add(v); }
  bool number_integer(int64_t v) { return add(v); }
  bool number_unsigned(uint64_t v) { return add(v); }
  bool number_float(double v, const std::string&) { return add(v); }
  bool string(std::string& v) { return add(std::move(v)); }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(size_t) { return open(Json::object()); }
  bool end_object() { return close(); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Frame& frame = open_.back();
    auto& members = *frame.value->get_ptr<Json::object_t*>();
    frame.slot = find(frame, members, name);
    if (frame.slot) return true;
    if (members.size() >= indexed_members) frame.index.emplace(name, members.size());
    members.emplace_back(std::move(name), nullptr);   // the vector's: without a look-up
    frame.slot = &members.back().second;
    return true;
  }

  bool parse_error(size_t byte, const std::string&, const nlohmann::detail::exception& e) {
    std::string_view what = e.what();
    if (const size_t end = what.find("] "); end != what.npos) what.remove_prefix(end + 2);
    fail(Code::invalid_argument, "malformed JSON at byte {}: {}", byte, what.substr(0, 300));
  }

 private:
  struct Frame {
    Json* value;
    Json* slot = nullptr;   // of the member whose name came last
    std::unordered_map<std::string, ptrdiff_t> index;
  };

  static Json* find(Frame& frame, Json::object_t& members, const std::string& name) {
    const auto n = static_cast<ptrdiff_t>(std::min(members.size(), indexed_members));
    for (ptrdiff_t i = 0; i < n; ++i)
      if (auto& [key, value] = members.begin()[i]; key == name) return &value;
    const auto found = frame.index.find(name);
    return found == frame.index.end() ? nullptr : &members.begin()[found->second].second;
  }

  Json& place(Json value) {
    if (++n_value_ > limits_.values)
      fail(Code::invalid_argument, "the JSON holds more than {} values", limits_.values);
    if (open_.empty()) return root_ = std::move(value);
    Frame& frame = open_.back();
    if (frame.value->is_object()) return *frame.slot = std::move(value);
    auto& elements = *frame.value->get_ptr<Json::array_t*>();
    elements.push_back(std::move(value));
    return elements.back();
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() >= limits_.depth)
      fail(Code::invalid_argument, "the JSON is nested deeper than {} levels", limits_.depth);
    // An open container's elements do not move: only the innermost one grows.
    open_.push_back({&place(std::move(value)), nullptr, {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits limits_;
  Json root_;
  std::vector<Frame> open_;
  size_t n_value_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const JsonLimits& limits) {
  Builder builder(limits);
  Json::sax_parse(text, &builder);
  return builder.take();
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_string(std::string_view text) { return to_text(Json(text)); }

std::string_view kind_name(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::boolean: return "a boolean";
    case Json::value_t::string: return "a string";
    case Json::value_t::array: return "an array";
    case Json::value_t::object: return "an object";
    default: return "a number";
  }
}

}  // namespace strata::serve
