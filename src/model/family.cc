#include "model/family.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/registry.h"

namespace strata::model {
namespace {

template <class F>
std::string joined(F&& names_of) {
  std::vector<std::string_view> names;
  Registry<Family>::each([&](const Family& f) { names_of(f, names); });
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

const Family* find_family(std::string_view name) { return Registry<Family>::find(name); }

const Family* find_family_hf(std::string_view model_type) {
  const Family* found = nullptr;
  Registry<Family>::each([&](const Family& f) {
    if (std::find(f.hf.begin(), f.hf.end(), model_type) != f.hf.end()) found = &f;
  });
  return found;
}

std::string known_families() {
  return joined([](const Family& f, auto& names) { names.push_back(f.name); });
}

std::string known_model_types() {
  return joined(
      [](const Family& f, auto& names) { names.insert(names.end(), f.hf.begin(), f.hf.end()); });
}

}  // namespace strata::model
