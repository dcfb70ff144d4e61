// A model's files with adapters added to their matrices, as files that have it so.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/store.h"

namespace strata::model {

struct AdapterChoice {
  std::string path;
  float scale = 1;   // times the adapter's own
};
/// "PATH" or "PATH=SCALE". Errors: invalid_argument when what follows the last = is a number that
/// is not finite.
AdapterChoice parse_adapter(std::string_view text);

/// Rows are made when they are asked for, in their matrix's own type; one that has no quantiser
/// becomes F32. Errors: those of open_adapter; data_loss naming a change whose matrix the model
/// does not have, or has otherwise; unimplemented where the two formats' rows cannot be matched.
std::unique_ptr<Store> merged(std::unique_ptr<Store> base, std::span<const AdapterChoice> adapters);

}  // namespace strata::model
