#include "serve/constrain.h"

#include <fmt/format.h>

namespace strata::serve {

std::shared_ptr<const engine::Constraint> make_constraint(fleet::Model& model,
                                                          const StructureFields& format) {
  if (!format.structure) return nullptr;
  const std::string& param = format.structure->param;
  const grammar::Source source = to_source(*format.structure, format.style, model.tokenizer());
  try {
    return model.grammars.compile(source);
  } catch (const Error& e) {
    bad_field(param, fmt::format("'{}': {}", param, e.what()), "unsupported_value");
  }
}

}  // namespace strata::serve
