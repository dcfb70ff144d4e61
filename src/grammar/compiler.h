// Grammars compiled once: what is asked for again is at hand.
#pragma once
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "engine/constraint.h"
#include "grammar/source.h"
#include "model/tokenizer.h"

namespace strata::grammar {

class Vocabulary;

/// Thread-safe. The tokenizer outlives it and all it compiles.
class Compiler {
 public:
  static constexpr size_t kCached = 256;

  explicit Compiler(const model::Tokenizer& tokenizer);
  ~Compiler();

  /// Prepares the vocabulary now rather than with the first grammar.
  void prepare();

  /// Errors: those of Vocabulary. Cost: milliseconds for a new grammar, else a look-up.
  std::shared_ptr<const engine::Constraint> compile(const Source& source);

 private:
  using Entry = std::pair<Source, std::shared_ptr<const engine::Constraint>>;
  struct Hash {
    size_t operator()(const Source& source) const {
      return std::hash<std::string>()(source.text) * 4 + static_cast<size_t>(source.kind);
    }
  };
  const Vocabulary& vocabulary();

  const model::Tokenizer& tokenizer_;
  std::once_flag prepared_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::mutex mutex_;          // of the next two
  std::list<Entry> entries_;  // used last first
  std::unordered_map<Source, std::list<Entry>::iterator, Hash> index_;
};

}  // namespace strata::grammar
