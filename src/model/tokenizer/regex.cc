#include "model/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "model/tokenizer/regex_syntax.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

constexpr size_t jit_stack_start = 32 << 10, jit_stack_max = 64 << 20;
constexpr uint32_t max_steps = 100'000'000, max_heap_kib = 64 << 10;

// What matching writes to: one a thread, for all patterns (only the whole match is asked for).
struct Workspace {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(jit_stack_start, jit_stack_max, nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  Workspace() {
    STRATA_CHECK(context && stack && data);
    pcre2_jit_stack_assign(context, nullptr, stack);
    pcre2_set_match_limit(context, max_steps);
    pcre2_set_heap_limit(context, max_heap_kib);
  }
  ~Workspace() {
    pcre2_match_data_free(data);
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
  }
};

Workspace& workspace() {
  thread_local Workspace w;
  return w;
}

}  // namespace

Regex::Regex(std::string_view pattern) {
  const std::string translated = to_pcre2(pattern);
  int error;
  PCRE2_SIZE where;
  // MULTILINE: "$" is the end of a line in the dialect.
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr);
  if (!code) {
    char message[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    fail(Code::data_loss, "tokenizer: pattern '{}': {}", pattern.substr(0, 200), message);
  }
  // Where no machine code can be made, pcre2_match interprets: slower, the same matches.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  code_ = code;
}

Regex::~Regex() { pcre2_code_free(static_cast<pcre2_code*>(code_)); }

Regex::Regex(Regex&& other) noexcept : code_(std::exchange(other.code_, nullptr)) {}

bool Regex::find(std::string_view text, size_t from, Match& match) const {
  Workspace& w = workspace();
  const int found = pcre2_match(static_cast<const pcre2_code*>(code_),
                                reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                PCRE2_NO_UTF_CHECK, w.data, w.context);
  if (found < 0) return false;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(w.data);
  match = {ends[0], ends[1]};
  return match.begin >= from && match.end >= match.begin;   // \K could say otherwise
}

size_t Regex::after(std::string_view text, size_t at) {
  return at < text.size() ? at + length_of_lead(static_cast<uint8_t>(text[at])) : at + 1;
}

std::string regex_literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c)))
      out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace strata::model::tokenizer
