#include "main/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"

#if STRATA_LIBEDIT
#include <histedit.h>
#endif

namespace strata {
namespace {

constexpr size_t kMaxInput = 64u << 20;
constexpr size_t kMaxLine = 16u << 20;
constexpr int kHistory = 1000;   // lines

std::atomic<bool> interrupted = false;
struct sigaction before;

void on_interrupt(int) { interrupted = true; }

void print_prompt(const std::string& prompt) {
  fmt::print("{}", prompt);
  std::fflush(stdout);
}

/// A line without editing, byte by byte as read(2) has it, so that a signal shows as EINTR.
LineReader::Result read_plain(const std::string& prompt, std::string& line) {
  if (isatty(STDIN_FILENO)) print_prompt(prompt);
  line.clear();
  for (char c; line.size() < kMaxLine;) {
    const ssize_t n = read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR && InterruptGuard::taken()) return LineReader::Result::interrupted;
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return line.empty() ? LineReader::Result::end : LineReader::Result::line;
    if (c == '\n') break;
    line += c;
  }
  return LineReader::Result::line;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = false;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;   // without SA_RESTART: a waiting read() returns
  sigaction(SIGINT, &action, &before);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before, nullptr); }

bool InterruptGuard::taken() { return interrupted.exchange(false); }

#if STRATA_LIBEDIT

struct LineReader::Impl {
  EditLine* edit = nullptr;
  History* history = nullptr;
  std::string prompt;

  static char* prompt_of(EditLine* e) {
    void* self = nullptr;
    el_get(e, EL_CLIENTDATA, &self);
    return static_cast<Impl*>(self)->prompt.data();
  }
  Impl() {
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return;
    // Characters beyond ASCII are edited as such only where the locale knows them.
    if (!std::setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    edit = el_init("strata", stdin, stdout, stderr);
    history = history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, kHistory);
    ::history(history, &event, H_SETUNIQUE, 1);
    el_set(edit, EL_CLIENTDATA, this);
    el_set(edit, EL_PROMPT, prompt_of);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, ::history, history);
    el_set(edit, EL_SIGNAL, 0);
    el_source(edit, nullptr);
  }
  ~Impl() {
    if (edit) el_end(edit);
    if (history) history_end(history);
  }
};

LineReader::Result LineReader::read(const std::string& prompt, std::string& line) {
  if (!impl_->edit) return read_plain(prompt, line);
  impl_->prompt = prompt;
  InterruptGuard::taken();   // one that came too late for the answer
  int count = 0;
  const char* text = el_gets(impl_->edit, &count);
  if (InterruptGuard::taken()) {
    el_reset(impl_->edit);
    return Result::interrupted;
  }
  if (!text || count <= 0) return Result::end;
  line.assign(text, static_cast<size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return Result::line;
}

void LineReader::remember(const std::string& line) {
  if (!impl_->history || line.empty()) return;
  HistEvent event;
  history(impl_->history, &event, H_ENTER, line.c_str());
}

#else

struct LineReader::Impl {};

LineReader::Result LineReader::read(const std::string& prompt, std::string& line) {
  return read_plain(prompt, line);
}

void LineReader::remember(const std::string&) {}

#endif

LineReader::LineReader() : impl_(std::make_unique<Impl>()) {}
LineReader::~LineReader() = default;

std::string read_standard_input() {
  std::string text;
  char part[1 << 16];
  for (size_t n; (n = std::fread(part, 1, sizeof part, stdin)) > 0;) {
    text.append(part, n);
    if (text.size() > kMaxInput)
      fail(Code::too_large, "standard input holds more than {} bytes", kMaxInput);
  }
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) fail(Code::invalid_argument, "standard input is empty: there is no prompt");
  return text;
}

}  // namespace strata
