// API keys: who may ask, as what, and how much.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "store/database.h"

namespace strata::serve {

/// user: answers; admin: also models (pull, delete, unload) and everybody's usage.
enum class Role { user, admin };

/// As the operator writes it. Limits: 0 is none. A minute is one of the clock, a day one of UTC.
struct KeyOptions {
  std::string name = {};
  std::string key = {};                // either the key itself
  std::string sha256 = {};             // or its SHA-256, 64 hexadecimal digits
  Role role = Role::user;
  int64_t requests_per_minute = 0, tokens_per_minute = 0, tokens_per_day = 0;
};

/// Tokens that a request may use, taken from its key's quota; what was not used goes back when the
/// ticket goes. Thread-safe.
class Ticket {
 public:
  virtual ~Ticket() = default;
  struct Wish {
    int64_t prompt_tokens = 0;
    int wanted = -1;             // tokens of an answer; negative: as many as may be
    int longest = 1 << 30;       // that the model can give
    int n = 1;                   // answers
  };
  /// Takes the tokens of prompt and answers. Returns how many an answer may have: what was wanted,
  /// or what is left; -1: no limit.
  /// Errors: resource_exhausted, reason "rate_limit_exceeded".
  virtual int reserve(const Wish& wish) = 0;
  /// What was really used, once.
  virtual void settle(std::string_view model, const engine::Usage& usage) = 0;
};

struct KeyUsage {
  std::string key, day, model;
  int64_t requests = 0, prompt_tokens = 0, completion_tokens = 0;
};

class Keys {
 public:
  /// `usage` outlives it. Errors: invalid_argument for a key without name or secret, a name or
  /// secret given twice, a digest that is none.
  Keys(const std::vector<KeyOptions>& keys, store::Database& usage);
  ~Keys();

  bool empty() const { return accounts_.empty(); }
  /// 1 + the index of a key; 0: none has this secret. Takes the same time whichever it is.
  uint32_t find(std::string_view secret) const;
  /// Of an index that find() gave; without any keys everybody is "" and an admin.
  const std::string& name(uint32_t index) const;
  Role role(uint32_t index) const;

  /// Counts a request. Errors: resource_exhausted, reason "rate_limit_exceeded".
  void admit(uint32_t index);
  std::shared_ptr<Ticket> ticket(uint32_t index);
  /// By key, day and model, newest first; of one key, or of all for index 0.
  std::vector<KeyUsage> usage(uint32_t index) const;

 private:
  struct Account;
  class Reservation;
  std::vector<std::shared_ptr<Account>> accounts_;
  store::Database& database_;
};

}  // namespace strata::serve
