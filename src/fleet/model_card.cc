#include "fleet/model_card.h"

#include <fmt/format.h>

#include "base/version.h"

namespace strata::fleet {

ModelCard::ModelCard(const Backend::Info& info, std::string called)
    : name(std::move(called)),
      path(info.path),
      n_vocab(info.n_vocab),
      max_model_len(info.max_model_len) {
  const std::string identity = fmt::format("{} {} {} {}", info.name, info.n_vocab, version(),
                                           commit());
  fingerprint = fmt::format("fp_{:012x}", std::hash<std::string>{}(identity) & 0xffffffffffff);
}

}  // namespace strata::fleet
