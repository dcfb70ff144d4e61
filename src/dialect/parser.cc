#include "dialect/parser.h"

#include <optional>

#include "dialect/call_parser.h"
#include "dialect/harmony.h"

namespace strata::dialect {
namespace {

class Layered : public Parser {
 public:
  explicit Layered(const ParserOptions& options) {
    if (options.reasoning) reasoning_.emplace(*options.reasoning, options.start);
    if (options.form && options.calls) calls_.emplace(*options.form, options.types);
  }

  void push(std::string_view text, Events& out) override {
    if (!reasoning_) return answer(text, out);
    answer(reasoning_->push(text, out), out);
  }
  void finish(Events& out) override {
    if (reasoning_) answer(reasoning_->finish(out), out);
    if (calls_) calls_->finish(out);
  }

 private:
  void answer(std::string_view text, Events& out) {
    if (text.empty()) return;
    if (calls_) calls_->push(text, out);
    else out.push_back({Event::Kind::content, std::string(text)});
  }

  std::optional<ReasoningSplitter> reasoning_;
  std::optional<CallParser> calls_;
};

class Channels : public Parser {
 public:
  explicit Channels(bool calls) : parser_(calls) {}
  void push(std::string_view text, Events& out) override { parser_.push(text, out); }
  void finish(Events& out) override { parser_.finish(out); }

 private:
  HarmonyParser parser_;
};

}  // namespace

std::unique_ptr<Parser> make_parser(const ParserOptions& options) {
  if (options.form && options.form->head == Form::Head::harmony)
    return std::make_unique<Channels>(options.calls);
  if (!options.reasoning && !(options.form && options.calls)) return nullptr;
  return std::make_unique<Layered>(options);
}

}  // namespace strata::dialect
