#include "grammar/compiler.h"

#include "grammar/vocabulary.h"

namespace strata::grammar {

Compiler::Compiler(const model::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
Compiler::~Compiler() = default;

const Vocabulary& Compiler::vocabulary() {
  std::call_once(prepared_, [this] {
    vocabulary_ = std::make_unique<Vocabulary>(tokenizer_, tokenizer_.stop);
  });
  return *vocabulary_;
}

void Compiler::prepare() { vocabulary(); }

std::shared_ptr<const engine::Constraint> Compiler::compile(const Source& source) {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = index_.find(source); found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->second;
    }
  }
  std::shared_ptr<const engine::Constraint> made = vocabulary().compile(source);
  std::lock_guard lock(mutex_);
  if (const auto found = index_.find(source); found != index_.end()) return found->second->second;
  entries_.emplace_front(source, made);
  index_[source] = entries_.begin();
  if (entries_.size() > kCached) {
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }
  return made;
}

}  // namespace strata::grammar
