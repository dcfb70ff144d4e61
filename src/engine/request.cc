#include "engine/request.h"

namespace strata::engine {

std::string_view name(Finish finish) {
  switch (finish) {
    case Finish::none: return "none";
    case Finish::stop: return "stop";
    case Finish::length: return "length";
    case Finish::cancelled: return "cancelled";
    case Finish::expired: return "expired";
    case Finish::error: return "error";
  }
  return "unknown";
}

}  // namespace strata::engine
