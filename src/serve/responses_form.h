// The answer of the responses API: an object that a stream builds up event by event.
#pragma once
#include <functional>
#include <memory>

#include "serve/answer.h"
#include "serve/responses_request.h"
#include "serve/service.h"

namespace strata::serve {

/// Called with the finished response object and the answer, before it is sent.
using OnResponse = std::function<void(const Json& response, const Blocks& blocks)>;

std::unique_ptr<AnswerForm> make_responses_form(const Call& call, const ResponsesRequest& request,
                                                OnResponse on_response);

}  // namespace strata::serve
