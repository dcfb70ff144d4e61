// What lies beside a model's weights, whatever its format.
#pragma once
#include <string>

#include "model/store.h"

namespace strata::model {

bool has_tokenizer(const Store& store);
/// Empty if there is none.
std::string chat_template_text(const Store& store);

}  // namespace strata::model
