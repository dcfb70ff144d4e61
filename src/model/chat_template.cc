#include "model/chat_template.h"

#include <ctime>

#include "base/error.h"
#include "model/rust/strata_rust.h"

namespace strata::model {
namespace {

std::string take(RustString text) {
  std::string copy(reinterpret_cast<const char*>(text.data), text.data ? text.size : 0);
  strata_string_free(text);
  return copy;
}

const uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

extern "C" ptrdiff_t strata_strftime(const uint8_t* now, size_t now_size, const uint8_t* format,
                                     size_t format_size, uint8_t* out, size_t out_size) {
  std::tm when{};
  if (now_size > 0) {
    const std::string text(reinterpret_cast<const char*>(now), now_size);
    const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &when);
    if (!end || *end) return -1;
    when.tm_isdst = -1;
    std::mktime(&when);   // fills in the day of the week and of the year
  } else {
    const std::time_t seconds = std::time(nullptr);
    localtime_r(&seconds, &when);
  }
  const std::string pattern(reinterpret_cast<const char*>(format), format_size);
  if (pattern.empty()) return 0;
  const size_t n = std::strftime(reinterpret_cast<char*>(out), out_size, pattern.c_str(), &when);
  return n > 0 ? static_cast<ptrdiff_t>(n) : -1;
}

struct ChatTemplate::Impl {
  RustTemplate* handle = nullptr;
  ~Impl() {
    if (handle) strata_template_free(handle);
  }
};

ChatTemplate::ChatTemplate(std::string source)
    : source_(std::move(source)), impl_(std::make_unique<Impl>()) {
  RustString error{};
  impl_->handle = strata_template_new(bytes(source_), source_.size(), &error);
  const std::string message = take(error);
  if (!impl_->handle) fail(Code::invalid_argument, "chat template: {}", message);
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(std::string_view context_json, std::string_view now) const {
  RustString out{};
  const bool ok = strata_template_render(impl_->handle, bytes(context_json), context_json.size(),
                                         bytes(now), now.size(), &out);
  std::string text = take(out);
  if (!ok) fail(Code::invalid_argument, "the chat template refuses these messages: {}", text);
  return text;
}

}  // namespace strata::model
