// The terminal as a conversation needs it: lines with editing and history, and Ctrl-C as an event.
#pragma once
#include <memory>
#include <string>

namespace strata {

/// While one exists, Ctrl-C sets a flag instead of ending the program. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  /// Was Ctrl-C pressed since the last call?
  static bool taken();
};

/// Lines from standard input; on a terminal edited, with history (libedit where it is built in).
class LineReader {
 public:
  LineReader();
  ~LineReader();
  enum class Result { line, interrupted, end };
  /// `line`: without its end. interrupted: Ctrl-C, what was typed is dropped.
  Result read(const std::string& prompt, std::string& line);
  /// Adds to the history.
  void remember(const std::string& line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// All of standard input but the line ends it closes with.
/// Errors: too_large over 64 MiB; invalid_argument when there is nothing.
std::string read_standard_input();

}  // namespace strata
