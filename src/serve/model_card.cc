#include "serve/model_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "base/version.h"

namespace strata::serve {

ModelCard::ModelCard(const Backend::Info& info, const std::vector<std::string>& served_names)
    : names(served_names),
      path(info.path),
      n_vocab(info.n_vocab),
      max_model_len(info.max_model_len),
      created(unix_time_s()) {
  if (names.empty()) names.push_back(info.name);
  aliases = {info.name, info.path, std::filesystem::path(info.path).filename().string()};
  const std::string identity = fmt::format("{} {} {} {}", info.name, info.n_vocab, version(),
                                           commit());
  fingerprint = fmt::format("fp_{:012x}", std::hash<std::string>{}(identity) & 0xffffffffffff);
}

void ModelCard::require(std::string_view model) const {
  auto has = [&](const auto& list) {
    return std::find(list.begin(), list.end(), model) != list.end();
  };
  if (model.empty() || has(names) || has(aliases)) return;
  throw Error(Code::not_found,
              fmt::format("the model '{}' does not exist here; served: {}", model.substr(0, 200),
                          fmt::join(names, ", ")),
              "model_not_found", "model");
}

}  // namespace strata::serve
