// Sizes that no analysis gives: where one way of doing a thing overtakes another on this machine.
// The defaults were measured on Zen 4 and are good elsewhere; `strata tune kernels` measures them
// on the machine at hand, main/tuning_file.h keeps what it found.
#pragma once
#include <span>
#include <string_view>

namespace strata {

struct Tuning {
  int spin_us = 200;             // a thread waits awake this long, then sleeps
  int private_rows = 4;          // up to here each thread quantises all rows for itself
  int piece_kib = 32;            // least weights that a thread takes over from another at once
  int few_tokens = 18;           // up to here weights are unpacked in registers, not into panels
  bool operator==(const Tuning&) const = default;
};

/// What may be chosen: a member, its name in files, the values worth trying, the limits of any.
struct TuningChoice {
  std::string_view name;
  int Tuning::* member;
  std::span<const int> candidates;
  int least, most;
};
std::span<const TuningChoice> tuning_choices();

inline constexpr int kPrivateRowsMax = 16;

/// The process's. Set at the start, or between two steps; the pool reads spin_us when it is made.
const Tuning& tuning();
/// Errors: invalid_argument naming the choice that is out of its limits.
void set_tuning(const Tuning& tuning);

}  // namespace strata
