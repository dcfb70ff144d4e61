// JSON forms that the bench commands share.
#pragma once
#include <nlohmann/json.hpp>

#include "kernel/roofline.h"

namespace strata {

inline nlohmann::json rate_json(const kernel::Rate& r) {
  return {{"min", r.min()}, {"median", r.median()}, {"max", r.max()}};
}

inline nlohmann::json roofline_json(const kernel::Roofline& r) {
  return {{"threads", r.threads},
          {"read_gb_s", rate_json(r.read_gb_s)},
          {"int8_gop_s", rate_json(r.int8_gop_s)},
          {"bf16_gflop_s", rate_json(r.bf16_gflop_s)},
          {"f32_gflop_s", rate_json(r.f32_gflop_s)}};
}

}  // namespace strata
