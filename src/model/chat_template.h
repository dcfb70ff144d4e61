// Jinja chat templates as model publishers write them (minijinja behind a small C ABI).
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace strata::model {

class ChatTemplate {
 public:
  /// Errors: invalid_argument with line and what the parser said.
  explicit ChatTemplate(std::string source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// `context_json`: an object with messages, tools, add_generation_prompt, bos_token, eos_token
  /// and whatever chat_template_kwargs adds; keys keep their order. Bounded by fuel and output
  /// size. `now` ("2026-01-02T03:04:05") is what strftime_now sees; empty: the local time. Errors:
  /// invalid_argument with what the template raised. Thread-safe.
  std::string render(std::string_view context_json, std::string_view now = {}) const;
  const std::string& source() const { return source_; }

 private:
  struct Impl;
  std::string source_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::model
