#include "base/error.h"

#include "base/check.h"

namespace strata {

int exit_status(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::already_exists:
    case Code::too_large: return 2;
    case Code::not_found: return 3;
    case Code::unauthenticated:
    case Code::permission_denied: return 4;
    case Code::resource_exhausted: return 5;
    case Code::data_loss: return 6;
    case Code::unimplemented: return 7;
    case Code::unavailable: return 8;
    case Code::cancelled: return 130;
    case Code::internal: return 1;
  }
  STRATA_CHECK(!"unknown error code");
}

int http_status(Code code) {
  switch (code) {
    case Code::invalid_argument: return 400;
    case Code::unauthenticated: return 401;
    case Code::permission_denied: return 403;
    case Code::not_found: return 404;
    case Code::already_exists: return 409;
    case Code::too_large: return 413;
    case Code::resource_exhausted: return 429;
    case Code::cancelled: return 499;
    case Code::data_loss:
    case Code::internal: return 500;
    case Code::unimplemented: return 501;
    case Code::unavailable: return 503;
  }
  STRATA_CHECK(!"unknown error code");
}

}  // namespace strata
