#include "main/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "main/answer.h"
#include "main/model_options.h"
#include "main/terminal.h"

namespace strata {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";
constexpr std::string_view kHelp =
    "/help                      this\n"
    "/clear                     forget the conversation\n"
    "/system TEXT               instruction before all turns; without TEXT: none\n"
    "/set temperature 0.7       also: top_p, top_k, seed, max_tokens\n"
    "/bye                       leave (also Ctrl-D)\n"
    "\"\"\" ... \"\"\"                a message of several lines\n"
    "Ctrl-C                     stop the answer\n";

template <class... A>
void note(fmt::format_string<A...> format, A&&... a) {
  fmt::print(stderr, "({})\n", fmt::format(format, std::forward<A>(a)...));
}

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

double number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end) fail(Code::invalid_argument, "'{}' is not a number", text);
  return value;
}

/// One message; in triple quotes it may span lines.
LineReader::Result read_message(LineReader& reader, std::string& message) {
  std::string line;
  LineReader::Result result = reader.read(">>> ", line);
  if (result != LineReader::Result::line) return result;
  message = trim(line);
  if (message.starts_with(kQuotes)) {
    message.erase(0, kQuotes.size());
    while (!message.ends_with(kQuotes)) {
      result = reader.read("... ", line);
      if (result == LineReader::Result::end) break;
      if (result != LineReader::Result::line) return result;
      message += "\n" + line;
    }
    if (message.ends_with(kQuotes)) message.resize(message.size() - kQuotes.size());
    if (message.starts_with('\n')) message.erase(0, 1);
  }
  reader.remember(message);
  return LineReader::Result::line;
}

}  // namespace

Chat::Chat(engine::Engine& engine, ChatOptions options)
    : engine_(engine), options_(std::move(options)), conversation_(engine.model()) {
  need_tokenizer(engine.model());
  conversation_.set_system(options_.system);
  if (!conversation_.has_turns() && !options_.system.empty())
    fail(Code::invalid_argument,
         "{}: the model has no chat template, so it takes no system text: it goes on with a text",
         engine.model().path);
}

void Chat::once(const std::string& message) {
  const InterruptGuard guard;
  if (reply(message) == engine::Finish::cancelled) throw Error(Code::cancelled, "stopped");
}

engine::Finish Chat::reply(const std::string& message) {
  const int context = engine_.options().max_model_len;
  // Room that an answer needs at least: a turn that leaves none is of no use.
  const int reserve = std::min(std::max(1, context / 4), 512);
  const int wanted = options_.sampling.max_tokens;
  conversation_.add("user", message);
  try {
    Conversation::Prompt p =
        conversation_.prompt(context - (wanted > 0 ? std::min(wanted, reserve) : reserve));
    if (p.dropped > 0)
      note("the conversation no longer fits the context of {} tokens: the {} oldest messages are "
           "forgotten", context, p.dropped);
    engine::Request request;
    request.prompt = std::move(p.tokens);
    request.sampling = options_.sampling;
    const int room = context - static_cast<int>(request.prompt.size());
    if (wanted > room) request.sampling.max_tokens = room;
    const Answer a = answer(
        engine_, std::move(request),
        [](std::string_view text) {
          fmt::print("{}", text);
          std::fflush(stdout);
        },
        InterruptGuard::taken);
    fmt::print("\n");
    conversation_.add("assistant", a.text);
    if (a.finish == engine::Finish::length && (wanted < 0 || wanted > room))
      note("stopped: the context of {} tokens is full", context);
    if (options_.verbose) show_speed(a);
    return a.finish;
  } catch (const Error&) {
    conversation_.drop_last();   // a message without an answer would spoil the next turn
    throw;
  }
}

void Chat::show_speed(const Answer& a) const {
  const double decode_s = a.seconds - a.first_s;
  const int fresh = a.usage.prompt_tokens - a.usage.cached_tokens;
  note("prompt: {} tokens, {} of them cached, {:.2f} s, {:.1f} tok/s; answer: {} tokens, {:.1f} "
       "tok/s", a.usage.prompt_tokens, a.usage.cached_tokens, a.first_s,
       a.first_s > 0 ? fresh / a.first_s : 0, a.usage.completion_tokens,
       decode_s > 0 ? std::max(0, a.usage.completion_tokens - 1) / decode_s : 0);
}

void Chat::set(const std::string& name, const std::string& value) {
  engine::SamplingParams& s = options_.sampling;
  const double v = number(value);
  if (name == "temperature" && v >= 0) s.temperature = static_cast<float>(v);
  else if (name == "top_p" && v > 0 && v <= 1) s.top_p = static_cast<float>(v);
  else if (name == "top_k" && v >= 0 && v <= 1e9) s.top_k = static_cast<int>(v);
  else if (name == "seed" && v >= 0 && v <= 1e18) s.seed = static_cast<uint64_t>(v);
  else if (name == "max_tokens" && v >= 1 && v <= 1e9) s.max_tokens = static_cast<int>(v);
  else fail(Code::invalid_argument, "'/set {} {}' is not possible: see /help", name, value);
}

/// False to leave.
bool Chat::command(const std::string& line) {
  const size_t space = line.find(' ');
  const std::string name = line.substr(0, space);
  const std::string rest = space == line.npos ? "" : trim(line.substr(space));
  if (name == "/bye" || name == "/exit" || name == "/quit") return false;
  if (name == "/help" || name == "/?") {
    fmt::print("{}", kHelp);
  } else if (name == "/clear") {
    conversation_.clear();
    note("forgotten");
  } else if (name == "/system" && conversation_.has_turns()) {
    conversation_.set_system(rest);
    note("{}", rest.empty() ? "no system text" : "system text set");
  } else if (name == "/set") {
    const size_t gap = std::min(rest.find(' '), rest.size());
    set(rest.substr(0, gap), trim(rest.substr(gap)));
  } else {
    note("'{}' is no command of this model: see /help", name);
  }
  return true;
}

void Chat::interactive() {
  const InterruptGuard guard;
  LineReader reader;
  if (!conversation_.has_turns())
    note("this model has no chat template: it goes on with each text, without a conversation");
  for (std::string message;;) {
    const LineReader::Result result = read_message(reader, message);
    if (result == LineReader::Result::end) break;
    if (result == LineReader::Result::interrupted) {
      fmt::print("\n");
      note("/bye or Ctrl-D to leave");
      continue;
    }
    if (trim(message).empty()) continue;
    try {
      if (message.starts_with('/') && message.find('\n') == message.npos) {
        if (!command(message)) return;
      } else if (reply(message) == engine::Finish::cancelled) {
        note("stopped");
      }
    } catch (const Error& e) {
      note("{}", e.what());
    }
  }
  fmt::print("\n");
}

}  // namespace strata
