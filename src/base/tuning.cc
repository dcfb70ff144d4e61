#include "base/tuning.h"

#include "base/error.h"

namespace strata {
namespace {

Tuning g_tuning;

constexpr int kSpin[] = {20, 50, 100, 200, 500, 1000};
constexpr int kPrivate[] = {1, 2, 4, 8, kPrivateRowsMax};
constexpr int kPiece[] = {8, 16, 32, 64, 128};
constexpr int kFew[] = {6, 12, 18, 24, 30};

constexpr TuningChoice kChoices[] = {
    {"spin_us", &Tuning::spin_us, kSpin, 0, 100000},
    {"private_rows", &Tuning::private_rows, kPrivate, 1, kPrivateRowsMax},
    {"piece_kib", &Tuning::piece_kib, kPiece, 1, 1 << 16},
    {"few_tokens", &Tuning::few_tokens, kFew, 1, 64},
};

}  // namespace

std::span<const TuningChoice> tuning_choices() { return kChoices; }

const Tuning& tuning() { return g_tuning; }

void set_tuning(const Tuning& tuning) {
  for (const TuningChoice& c : kChoices) {
    const int value = tuning.*c.member;
    if (value < c.least || value > c.most)
      fail(Code::invalid_argument, "{} must be from {} to {}, it is {}", c.name, c.least, c.most,
           value);
  }
  g_tuning = tuning;
}

}  // namespace strata
