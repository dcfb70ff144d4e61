// From a routed request to its endpoint: on the right thread, with the model that it names loaded.
#pragma once
#include <memory>

#include "serve/service.h"

namespace strata::serve {

/// Returns at once. Whatever goes wrong becomes the reply.
void dispatch(Service& service, const Route& route, std::shared_ptr<net::Exchange> exchange);

}  // namespace strata::serve
