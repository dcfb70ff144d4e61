#include "fleet/model.h"

#include "base/error.h"

namespace strata::fleet {
namespace {

std::unique_ptr<Backend> checked(std::unique_ptr<Backend> backend) {
  if (!backend->tokenizer())
    fail(Code::invalid_argument, "{} has no tokenizer: it cannot be served",
         backend->info().path);
  return backend;
}

}  // namespace

Model::Model(std::string name, std::unique_ptr<Backend> given, const DialectNames& names)
    : backend(checked(std::move(given))),
      card(backend->info(), std::move(name)),
      dialect(names, backend->chat_template(), *backend->tokenizer()),
      token_sets(*backend->tokenizer()),
      grammars(*backend->tokenizer()) {}

}  // namespace strata::fleet
