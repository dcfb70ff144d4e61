// The progress of downloads on a terminal; elsewhere one line a file.
#pragma once
#include <cstdint>
#include <string>

namespace strata {

/// "1.23 GB": three digits, decimal units.
std::string size_text(int64_t bytes);

class ProgressBar {
 public:
  /// `quiet`: nothing at all.
  explicit ProgressBar(bool quiet);
  ~ProgressBar();
  /// As model::OnProgress. Draws a few times a second at most.
  void show(const std::string& file, int64_t bytes, int64_t total);

 private:
  void start(const std::string& file, int64_t bytes);
  void draw(int64_t bytes, int64_t total);

  bool quiet_, terminal_;
  std::string file_;
  double start_s_ = 0, drawn_s_ = 0;
  int64_t start_bytes_ = 0;
};

}  // namespace strata
