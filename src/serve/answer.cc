#include "serve/answer.h"

#include "serve/error.h"

namespace strata::serve {

static constexpr std::string_view done = "data: [DONE]\n\n";

std::string_view AnswerForm::content_type() const { return "text/event-stream; charset=utf-8"; }

void AnswerForm::write_end(const AnswerUsage&, std::string& out) { out += done; }

void AnswerForm::write_error(const Error& error, std::string& out) {
  out += "data: " + error_answer(error).body + "\n\n";
  out += done;
}

}  // namespace strata::serve
