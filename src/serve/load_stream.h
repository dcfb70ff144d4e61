// Reads a streamed completion while it arrives, only as far as a load test needs it: parsing every
// chunk would take the processor from the server that is measured.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata::serve {

class LoadStream {
 public:
  void push(std::string_view bytes, double now_s);

  /// When each chunk with text arrived.
  const std::vector<double>& text_times() const { return text_s_; }
  int64_t prompt_tokens() const { return prompt_tokens_; }
  /// As usage says; without it the number of chunks with text.
  int64_t output_tokens() const;
  /// What is wrong with the stream, which has ended; empty if nothing.
  std::string error() const;

 private:
  void take_event(std::string_view event, double now_s);

  std::string pending_, error_;
  std::vector<double> text_s_;
  int64_t prompt_tokens_ = 0, output_tokens_ = -1;
  bool done_ = false;
};

}  // namespace strata::serve
