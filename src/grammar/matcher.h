// A compiled grammar following a text, and what the compiler's errors mean to a client.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "engine/constraint.h"
#include "grammar/source.h"
#include "model/rust/strata_rust.h"

namespace strata::grammar {

class Matcher : public engine::Constraint {
 public:
  /// Takes over the handle.
  explicit Matcher(RustMatcher* handle);

  std::unique_ptr<engine::Constraint> clone() const override;
  bool mask(std::span<uint32_t> words) override;
  void accept(engine::Token token) override;
  void forced(std::vector<engine::Token>& tokens) override;
  bool finished() const override;
  std::string error() const override;

 private:
  struct Free {
    void operator()(RustMatcher* handle) const { strata_matcher_free(handle); }
  };
  std::unique_ptr<RustMatcher, Free> handle_;  // null: it could not be cloned
};

/// Copies and frees.
std::string take_string(RustString text);

/// What the compiler said, in the words of JSON schema.
std::string explain(Kind kind, std::string_view error);

}  // namespace strata::grammar
