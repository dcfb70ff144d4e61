#include "serve/keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

namespace strata::serve {
namespace {

constexpr int64_t minute_s = 60, day_s = 86400;
constexpr size_t max_usage_rows = 10'000;

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

Digest parse_digest(const KeyOptions& key) {
  auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  Digest digest{};
  bool good = key.sha256.size() == 2 * digest.size();
  for (size_t i = 0; good && i < digest.size(); ++i) {
    const int high = nibble(key.sha256[2 * i]), low = nibble(key.sha256[2 * i + 1]);
    good = high >= 0 && low >= 0;
    digest[i] = static_cast<unsigned char>(high << 4 | low);
  }
  if (!good)
    fail(Code::invalid_argument, "key '{}': sha256 must be 64 hexadecimal digits", key.name);
  return digest;
}

std::string day_of(int64_t unix_s) {
  const time_t time = unix_s;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[16];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%d", &utc)};
}

/// A count within a window of the clock.
struct Window {
  int64_t length_s, limit;
  int64_t number = -1, used = 0;

  void roll(int64_t now) {
    if (now / length_s == number) return;
    number = now / length_s;
    used = 0;
  }
  int64_t left() const { return limit > 0 ? std::max<int64_t>(0, limit - used) : INT64_MAX; }
  /// Back to the window that it was taken from; that may be over.
  void give_back(int64_t from, int64_t n) {
    if (from == number) used -= std::min(used, n);
  }
};

[[noreturn]] void exceeded(const std::string& name, std::string_view what, const Window& window) {
  throw Error(Code::resource_exhausted,
              fmt::format("the key '{}' may use {} {} in {}: try again later", name, window.limit,
                          what, window.length_s == minute_s ? "a minute" : "a day"),
              "rate_limit_exceeded");
}

}  // namespace

struct Keys::Account {
  Account(const KeyOptions& o, Digest d)
      : name(o.name), role(o.role), digest(d),
        requests{minute_s, o.requests_per_minute},
        minute{minute_s, o.tokens_per_minute},
        day{day_s, o.tokens_per_day} {}

  const std::string name;
  const Role role;
  const Digest digest;
  std::mutex mutex;   // of the windows
  Window requests, minute, day;
};

class Keys::Reservation : public Ticket {
 public:
  Reservation(std::shared_ptr<Account> account, store::Database& database)
      : account_(std::move(account)), database_(database) {}

  ~Reservation() override { give_back(taken_); }

  int reserve(const Wish& w) override {
    Account& a = *account_;
    const int64_t now = unix_time_s();
    std::lock_guard lock(a.mutex);
    a.minute.roll(now);
    a.day.roll(now);
    const int64_t left = std::min(a.minute.left(), a.day.left());
    if (left == INT64_MAX) return w.wanted;
    const int wanted = std::min(w.wanted, w.longest);
    // An answer without a limit of its own may have what the quota leaves, one token at least.
    const int64_t least = w.prompt_tokens + int64_t{w.n} * (wanted < 0 ? 1 : wanted);
    if (least > left) exceeded(a.name, "tokens", a.minute.left() < a.day.left() ? a.minute : a.day);
    int64_t allowed = wanted;
    if (wanted < 0)
      allowed = std::min<int64_t>((left - w.prompt_tokens) / std::max(w.n, 1), w.longest);
    const int64_t tokens = w.prompt_tokens + w.n * allowed;
    a.minute.used += tokens;
    a.day.used += tokens;
    taken_ += tokens;
    minute_ = a.minute.number;
    day_ = a.day.number;
    return static_cast<int>(allowed);
  }

  void settle(std::string_view model, const engine::Usage& usage) override {
    const int64_t used = int64_t{usage.prompt_tokens} + usage.completion_tokens;
    give_back(taken_ - used);
    taken_ = 0;
    try {
      store::Statement(database_,
                       "INSERT INTO key_usage VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET "
                       "requests = requests + 1, prompt_tokens = prompt_tokens + "
                       "excluded.prompt_tokens, completion_tokens = completion_tokens + "
                       "excluded.completion_tokens")
          .bind(1, account_->name).bind(2, day_of(unix_time_s())).bind(3, model)
          .bind(4, int64_t{usage.prompt_tokens}).bind(5, int64_t{usage.completion_tokens}).run();
    } catch (const Error& e) {
      log::error("usage of the key '{}' is not recorded: {}", account_->name, e.what());
    }
  }

 private:
  void give_back(int64_t tokens) {
    std::lock_guard lock(account_->mutex);
    account_->minute.give_back(minute_, tokens);
    account_->day.give_back(day_, tokens);
  }

  const std::shared_ptr<Account> account_;
  store::Database& database_;
  int64_t taken_ = 0, minute_ = -1, day_ = -1;
};

Keys::Keys(const std::vector<KeyOptions>& keys, store::Database& usage) : database_(usage) {
  database_.run(
      "CREATE TABLE IF NOT EXISTS key_usage (key TEXT, day TEXT, model TEXT, requests INTEGER, "
      "prompt_tokens INTEGER, completion_tokens INTEGER, PRIMARY KEY (key, day, model))");
  for (const KeyOptions& key : keys) {
    if (key.name.empty()) fail(Code::invalid_argument, "an API key needs a name");
    if (key.key.empty() == key.sha256.empty())
      fail(Code::invalid_argument, "key '{}': give either the key or its sha256", key.name);
    const Digest digest = key.key.empty() ? parse_digest(key) : digest_of(key.key);
    for (const auto& other : accounts_) {
      if (other->name == key.name)
        fail(Code::invalid_argument, "two API keys are named '{}'", key.name);
      if (other->digest == digest)
        fail(Code::invalid_argument, "the API keys '{}' and '{}' are the same", other->name,
             key.name);
    }
    auto& account = accounts_.emplace_back(std::make_shared<Account>(key, digest));
    // A restart does not give the day's tokens back.
    store::Statement today(database_, "SELECT SUM(prompt_tokens + completion_tokens) FROM "
                                      "key_usage WHERE key = ? AND day = ?");
    today.bind(1, key.name).bind(2, day_of(unix_time_s()));
    if (today.step()) {
      account->day.roll(unix_time_s());
      account->day.used = today.integer(0);
    }
  }
}

Keys::~Keys() = default;

uint32_t Keys::find(std::string_view secret) const {
  const Digest digest = digest_of(secret);
  uint32_t found = 0;
  for (uint32_t i = 0; i < accounts_.size(); ++i)
    if (CRYPTO_memcmp(digest.data(), accounts_[i]->digest.data(), digest.size()) == 0)
      found = i + 1;
  return found;
}

const std::string& Keys::name(uint32_t index) const {
  static const std::string nobody;
  return index == 0 ? nobody : accounts_.at(index - 1)->name;
}

Role Keys::role(uint32_t index) const {
  if (accounts_.empty()) return Role::admin;
  return index == 0 ? Role::user : accounts_.at(index - 1)->role;
}

void Keys::admit(uint32_t index) {
  if (index == 0) return;
  Account& a = *accounts_.at(index - 1);
  std::lock_guard lock(a.mutex);
  a.requests.roll(unix_time_s());
  if (a.requests.left() < 1) exceeded(a.name, "requests", a.requests);
  ++a.requests.used;
}

std::shared_ptr<Ticket> Keys::ticket(uint32_t index) {
  if (index == 0) return nullptr;
  return std::make_shared<Reservation>(accounts_.at(index - 1), database_);
}

std::vector<KeyUsage> Keys::usage(uint32_t index) const {
  store::Statement rows(database_, "SELECT * FROM key_usage WHERE ?1 = '' OR key = ?1 "
                                   "ORDER BY day DESC, key, model LIMIT ?2");
  rows.bind(1, name(index)).bind(2, static_cast<int64_t>(max_usage_rows));
  std::vector<KeyUsage> all;
  while (rows.step())
    all.push_back({rows.text(0), rows.text(1), rows.text(2), rows.integer(3), rows.integer(4),
                   rows.integer(5)});
  return all;
}

}  // namespace strata::serve
