#include "serve/id.h"

#include <fmt/format.h>

#include <random>

namespace strata::serve {

std::string make_id(std::string_view prefix) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("{}{:016x}{:08x}", prefix, random(), static_cast<uint32_t>(random()));
}

}  // namespace strata::serve
